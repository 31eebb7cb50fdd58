namespace Chariot.Abstractions.Configuration;

/// <summary>
/// Seals secrets under the master key of this node (<c>Chariot:MasterKeyFile</c>): AES-256-GCM, a fresh data key per secret,
/// the data key wrapped by a key derived from the master key. Every node of a cluster has the same master key.
/// </summary>
public interface ISecretSealer
{
    /// <summary>Seals <paramref name="clear"/>; <paramref name="associatedData"/> must be given again to open it.</summary>
    SealedSecret Seal(ReadOnlySpan<byte> clear, string associatedData);

    /// <summary>
    /// Opens a secret into a buffer that wipes itself on disposal. Throws <see cref="System.Security.Cryptography.CryptographicException"/>
    /// when the master key is another one or the secret was altered.
    /// </summary>
    ClearSecret Open(SealedSecret secret, string associatedData);

    /// <summary>A 32-byte key derived from the master key for <paramref name="purpose"/>, e.g. the pepper of generated passwords.</summary>
    byte[] Derive(string purpose);
}

/// <summary>Clear bytes of a secret in one pinned buffer, wiped by <see cref="Dispose"/>. Cannot be printed or serialised.</summary>
[System.Diagnostics.DebuggerDisplay("***")]
public sealed class ClearSecret : IDisposable
{
    private readonly byte[] _bytes;

    public ClearSecret(int length) => _bytes = GC.AllocateArray<byte>(length, pinned: true);

    public Span<byte> Bytes => _bytes;

    public void Dispose() => System.Security.Cryptography.CryptographicOperations.ZeroMemory(_bytes);

    public override string ToString() => "***";
}
