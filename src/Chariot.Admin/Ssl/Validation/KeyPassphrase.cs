using System.Formats.Asn1;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// Opens the encrypted blocks of one key file, in memory. What the derivations of a file cost together is bounded, and decided on before
/// each of them.
/// </summary>
/// <param name="passphrase">Null when none was given. Not disposed here.</param>
internal sealed class KeyPassphrase(ClearSecret? passphrase)
{
    private const string Remedy = "Enter its passphrase, or upload the result of: openssl pkey -in key.pem -out plain.pem.";
    private const string Rewrite = "Upload the result of: openssl pkey -in key.pem -out plain.pem.";

    private long _roundsLeft = KeyDerivation.MostRounds;

    public bool IsGiven => passphrase is not null;

    /// <summary>Whether a block was opened: what is to be kept is not the file.</summary>
    public bool HasOpened { get; private set; }

    /// <summary>The block in clear, which the caller disposes; null and a finding when that cannot be.</summary>
    public PemBlock? Open(PemBlock block, FindingList findings)
    {
        var key = Read(block, findings, out var isReported);
        if (isReported || IsTooCostly(key, block, findings))
        {
            return null;
        }

        if (passphrase is null)
        {
            findings.Error("key.encrypted", block.At, $"The private key (line {block.At.Line}) is encrypted.", Remedy);
            return null;
        }

        if (key is null)
        {
            findings.Error("key.encryption", block.At, $"The private key (line {block.At.Line}) is encrypted in a way that Chariot does not read; it reads PBES2 and OpenSSL's own form, with AES-CBC or triple DES.", Rewrite);
            return null;
        }

        using var clear = key.Decrypt(passphrase);
        if (clear is null)
        {
            findings.Error("key.passphrase", block.At, $"The passphrase does not open the private key (line {block.At.Line}).",
                "Enter it again; mind capital letters, the keyboard layout, and blanks at its end.");
            return null;
        }

        HasOpened = true;
        var opened = new PemBlock(block.Kind == PemKind.EncryptedKey ? "PRIVATE KEY" : block.Label, block.At) { WasEncrypted = true };
        opened.SetContent(clear.Bytes);
        return opened;
    }

    /// <summary>Without a passphrase a damaged block is an encrypted one all the same: what is wrong with it shows when it is opened.</summary>
    private EncryptedKey? Read(PemBlock block, FindingList findings, out bool isReported)
    {
        isReported = false;
        if (block.IsBroken)
        {
            isReported = IsGiven;
            return null;
        }

        try
        {
            if (block.Kind == PemKind.EncryptedKey && !(IsGiven ? DerContent.IsSound(block.Content, block.At, findings) : DerWalker.Check(block.Content) is null))
            {
                isReported = IsGiven;
                return null;
            }

            return EncryptedKey.Read(block);
        }
        catch (AsnContentException)
        {
            isReported = IsGiven;
            if (isReported)
            {
                DerContent.NotWhatItSays(block.At, "an encrypted private key", findings);
            }

            return null;
        }
    }

    private bool IsTooCostly(EncryptedKey? key, PemBlock block, FindingList findings)
    {
        if (key?.Derivation is not { } derivation)
        {
            return false;
        }

        var excess = derivation.Excess ?? (derivation.Rounds > _roundsLeft ? "more than one file may, with the blocks before it" : null);
        if (excess is null)
        {
            _roundsLeft -= derivation.Rounds;
            return false;
        }

        findings.Error("key.kdf-cost", block.At, $"To open the private key (line {block.At.Line}) costs too much: it asks for {excess}.",
            "Encrypt it anew with usual settings (openssl pkey -in key.pem -aes256 -out new.pem), or upload the result of: openssl pkey -in key.pem -out plain.pem.");
        return true;
    }
}
