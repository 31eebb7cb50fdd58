using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.TestKit;

namespace Chariot.SystemTests.Ssl;

/// <summary>What <c>openssl s_client -showcerts</c> sees on a port.</summary>
internal sealed record ServedChain(IReadOnlyList<string> Fingerprints, bool Verified)
{
    /// <summary>Connects with host name verification against <paramref name="rootFile"/>.</summary>
    public static async Task<ServedChain> FetchAsync(int port, string rootFile)
    {
        var result = await Command.RunAsync(
            "openssl", "s_client", "-connect", $"127.0.0.1:{port}", "-showcerts", "-CAfile", rootFile, "-verify_hostname", "localhost", "-servername", "localhost");
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(result.Output);
        return new ServedChain(
            [.. certificates.Select(certificate => Convert.ToHexStringLower(SHA256.HashData(certificate.RawData)))],
            result.Output.Contains("Verification: OK", StringComparison.Ordinal));
    }
}
