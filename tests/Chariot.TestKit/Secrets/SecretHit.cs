namespace Chariot.TestKit.Secrets;

/// <summary>A trace of a secret in a file.</summary>
/// <param name="Needle">What was found, e.g. <c>p big-endian</c>.</param>
/// <param name="Form">How it was written, e.g. <c>base64</c>.</param>
public sealed record SecretHit(string File, string Needle, string Form)
{
    public override string ToString() => $"{File}: {Needle} as {Form}";
}
