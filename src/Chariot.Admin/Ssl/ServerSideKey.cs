using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Audit;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Ssl;

/// <summary>
/// A private key that is made here and never leaves: generated, sealed, used to sign a certificate request, and served once its
/// certificate is uploaded. No call gives it out.
/// </summary>
internal sealed partial class ServerSideKey(
    AdminGrains grains,
    ICertificateBundleValidator validator,
    ISecretSealer sealer,
    AuditTrail audit,
    TimeProvider time,
    ILogger<ServerSideKey> logger)
{
    private const string Label = "generated on this server";

    /// <summary>Stages a new RSA key of 2048, 3072 or 4096 bits as private key, in place of an earlier one.</summary>
    public async Task<Act<StagedFile>> GenerateAsync(int bits, Actor actor)
    {
        if (bits is not (2048 or 3072 or 4096))
        {
            return Refusal.Invalid("The key cannot be made.", [Findings.Error("key.bits", "bits", "An RSA key has 2048, 3072 or 4096 bits.")]);
        }

        return await audit.RecordAsync<StagedFile>(actor, "ssl.generate-key", SslUpload.NameOf(SslFile.PrivateKey), null, new { bits }, async () =>
        {
            // Finding the primes takes seconds of CPU for 4096 bits.
            using var pem = await Task.Run(() => GeneratePem(bits));
            using var inspection = validator.InspectFile(SslFile.PrivateKey, pem.Bytes);
            var staged = new StagedSslFile(
                sealer.Seal(pem.Bytes, SslSetup.AssociatedData(SslFile.PrivateKey)),
                new SslFileLabel(Label, time.GetUtcNow()),
                inspection.Findings,
                inspection.Recognised,
                DateTimeOffset.MaxValue)
            {
                GeneratedKeyId = RandomNumberGenerator.GetHexString(32, lowercase: true),
            };
            await grains.Configuration.StageAsync(SslFile.PrivateKey, staged);
            return Act<StagedFile>.Done(new StagedFile(SslFile.PrivateKey, staged));
        });
    }

    /// <summary>A certificate request for the key that waits; refused when there is none.</summary>
    public async Task<Act<CertificateRequestFile>> CreateRequestAsync(CertificateNames names, Actor actor)
    {
        var findings = names.Inspect();
        if (findings.Any(finding => finding.Severity == FindingSeverity.Error))
        {
            return Refusal.Invalid("A certificate cannot be requested for these names.", findings);
        }

        var staged = await grains.Configuration.GetStagedAsync();
        if (!staged.TryGetValue(SslFile.PrivateKey, out var file) || file.GeneratedKeyId is null)
        {
            return new Refusal(409, "no-pending-key", file is null
                ? "No key waits for a certificate. Make one with POST /api/v1/ssl/key."
                : "The staged private key was uploaded. Remove it with DELETE /api/v1/ssl/files/private-key, then make one with POST /api/v1/ssl/key.");
        }

        CertificateRequestFile request;
        try
        {
            using var clear = sealer.Open(file.Content, SslSetup.AssociatedData(SslFile.PrivateKey));
            using var key = Import(clear.Bytes);
            request = CertificateRequestFile.Create(names, key, findings);
        }
        catch (CryptographicException e)
        {
            LogNotOpened(e);
            return new Refusal(409, "staged-unreadable", "The key was sealed under another master key. Make a new one, and give every node the same Chariot:MasterKeyFile.");
        }

        await audit.NoteAsync(actor, "ssl.csr", names.CommonName ?? names.DnsNames.Concat(names.IpAddresses).First(), "signed");
        return Act<CertificateRequestFile>.Done(request);
    }

    private static ClearSecret GeneratePem(int bits)
    {
        using var rsa = RSA.Create(bits);
        var der = rsa.ExportPkcs8PrivateKey();
        try
        {
            return PrivateKeyPem.Write(der);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    private static RSA Import(ReadOnlySpan<byte> pem)
    {
        var text = GC.AllocateArray<char>(pem.Length, pinned: true);
        var rsa = RSA.Create();
        try
        {
            Encoding.ASCII.GetChars(pem, text);
            rsa.ImportFromPem(text);
            return rsa;
        }
        catch
        {
            rsa.Dispose();
            throw;
        }
        finally
        {
            Array.Clear(text);
        }
    }

    [LoggerMessage(4041, LogLevel.Error, "The key that waits for its certificate cannot be opened with this node's master key. Give every node the same Chariot:MasterKeyFile")]
    private partial void LogNotOpened(Exception exception);
}
