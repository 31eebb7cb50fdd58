using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Tls;

namespace Chariot.Cluster.Tests.Tls;

/// <summary>
/// Serves a certificate in a process whose machine store is <c>store.pem</c> of a directory: the store is read once per process,
/// so a test cannot change its own.
/// </summary>
internal static class ServedChainProbe
{
    private static readonly string[] s_parts = ["key", "leaf", "second", "first"];

    /// <summary>Writes the set-up and the store, runs the probe, returns what it saw.</summary>
    public static async Task<byte[][]> StartAsync(string directory, TestPki pki, params byte[][] store)
    {
        var contents = new[] { pki.LeafKey.ExportPkcs8PrivateKey(), pki.Leaf, pki.Second, pki.First };
        foreach (var (name, content) in s_parts.Zip(contents))
        {
            await File.WriteAllBytesAsync(Path.Combine(directory, name), content);
        }

        var storeFile = Path.Combine(directory, "store.pem");
        await File.WriteAllLinesAsync(storeFile, store.Select(der => X509CertificateLoader.LoadCertificate(der).ExportCertificatePem()));
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [typeof(ServedChainProbe).Assembly.Location, "served-chain", directory])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["SSL_CERT_FILE"] = storeFile, ["SSL_CERT_DIR"] = directory, ["HOME"] = directory },
        };
        using var process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var error = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }

        Assert.True(process.ExitCode == 0, await error);
        return [.. (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Convert.FromHexString)];
    }

    public static async Task<int> RunAsync(string directory)
    {
        using var masterKey = MasterKey.Open(Path.Combine(directory, "probe.key"), createWhenMissing: true);
        var sealer = new SecretSealer(masterKey);
        var parts = s_parts.Select(name => File.ReadAllBytes(Path.Combine(directory, name))).ToArray();
        var template = TestPki.Shared.Configure(sealer, "s");
        var ssl = template with { PrivateKey = sealer.Seal(parts[0], "s"), Certificate = parts[1], Intermediates = [parts[2], parts[3]] };
        var result = new TlsMaterialFactory(sealer, masterKey).Create(ssl);
        if (result.Material is not { } material)
        {
            await Console.Error.WriteLineAsync(result.Error);
            return 1;
        }

        // The store must have a say in what .NET serves by itself, or the probe proves nothing.
        X509Certificate2[] given = [X509CertificateLoader.LoadCertificate(parts[2]), X509CertificateLoader.LoadCertificate(parts[3])];
        var unpinned = SslStreamCertificateContext.Create(material.Certificate, [.. given], offline: true).IntermediateCertificates;
        if (unpinned.SequenceEqual(given))
        {
            await Console.Error.WriteLineAsync("The store of this process has no say in the served chain.");
            return 1;
        }

        foreach (var certificate in (await TestHandshake.ConnectAsync(material, new TlsSettings())).Certificates)
        {
            Console.WriteLine(Convert.ToHexString(certificate));
        }

        return 0;
    }
}
