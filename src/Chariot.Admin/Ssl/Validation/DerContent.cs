namespace Chariot.Admin.Ssl.Validation;

/// <summary>Reports what <see cref="DerWalker"/> finds.</summary>
internal static class DerContent
{
    /// <summary>False, and a finding, when <paramref name="der"/> is not one sound DER value.</summary>
    public static bool IsSound(ReadOnlySpan<byte> der, Place at, FindingList findings)
    {
        if (DerWalker.Check(der) is not { } fault)
        {
            return true;
        }

        if (fault.IsTooDeep)
        {
            findings.Error("file.too-complex", at, $"Block {at.Block} is nested more than {DerWalker.MaximumDepth} levels deep at byte {fault.Offset}.", "No certificate or key looks like this; get the file again from where it was made.");
        }
        else
        {
            findings.Error("file.asn1", at, $"Block {at.Block} is damaged at byte {fault.Offset}: {fault.Reason}.", Remedy);
        }

        return false;
    }

    /// <summary>Reports content that is sound DER but not what its label says.</summary>
    public static void NotWhatItSays(Place at, string what, FindingList findings) =>
        findings.Error("file.asn1", at, at.Block is null ? $"The file does not hold {what} that can be read." : $"Block {at.Block} is not {what} that can be read (structure from byte 0).", Remedy);

    private const string Remedy = "Get the file again from where it was made; check it with openssl.";
}
