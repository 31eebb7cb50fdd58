using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl;

/// <summary>PKCS#8 in PEM, the form in which keys are uploaded, written without a string.</summary>
internal static class PrivateKeyPem
{
    private static ReadOnlySpan<byte> Label => "PRIVATE KEY"u8;

    public static ClearSecret Write(ReadOnlySpan<byte> pkcs8)
    {
        var pem = new ClearSecret(PemEncoding.GetEncodedSize(Label.Length, pkcs8.Length));
        if (!PemEncoding.TryWriteUtf8(Label, pkcs8, pem.Bytes, out var written) || written != pem.Bytes.Length)
        {
            throw new InvalidOperationException("The size of a PEM text was computed wrong.");
        }

        return pem;
    }
}
