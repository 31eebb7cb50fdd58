using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl;

namespace Chariot.Admin.Backup;

/// <summary>The certificate of a backup with its key, on the same road as uploaded files.</summary>
internal static class RestoredKey
{
    /// <summary>Judges key and certificate as if they had been uploaded. The caller disposes the result.</summary>
    public static BundleInspection Inspect(ICertificateBundleValidator validator, BackupSsl ssl, ClearSecret key)
    {
        using var pem = Pem(key);
        return validator.InspectBundle(pem.Bytes, Encoding.UTF8.GetBytes(ssl.Certificate), Encoding.UTF8.GetBytes(ssl.Chain));
    }

    /// <summary>
    /// What the history of this cluster says of the certificate, its key or its set-up: the last of them, when it is not in force any more; else null.
    /// </summary>
    public static SslSetupRecord? FindRemoved(ImmutableArray<SslSetupRecord> history, BackupSsl ssl, BundleInspection bundle)
    {
        var key = KeySha256(bundle.Leaf!);
        var last = history.LastOrDefault(record => record.SetupId == ssl.SetupId || record.Sha256Fingerprint == bundle.Details!.Sha256Fingerprint || (key is not null && record.KeySha256 == key));
        return last is { Removal: not null } ? last : null;
    }

    private static string? KeySha256(byte[] leaf)
    {
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificate(leaf);
            return Convert.ToHexStringLower(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()));
        }
        catch (CryptographicException)
        {
            // Validated already; without it the set-up and the certificate itself are still compared.
            return null;
        }
    }

    /// <summary>One line of base64, which the validator takes; every buffer on the way is wiped.</summary>
    private static ClearSecret Pem(ClearSecret pkcs8)
    {
        var head = "-----BEGIN PRIVATE KEY-----\n"u8;
        var tail = "\n-----END PRIVATE KEY-----\n"u8;
        var pem = new ClearSecret(head.Length + Base64.GetMaxEncodedToUtf8Length(pkcs8.Bytes.Length) + tail.Length);
        head.CopyTo(pem.Bytes);
        Base64.EncodeToUtf8(pkcs8.Bytes, pem.Bytes[head.Length..], out _, out var written);
        tail.CopyTo(pem.Bytes[(head.Length + written)..]);
        return pem;
    }
}
