using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Secrets;

namespace Chariot.TestKit.Tests;

/// <summary>A scanner that finds nothing proves something only when it finds what was planted.</summary>
public sealed class SecretScannerTests : IClassFixture<SecretScannerTests.Keys>
{
    private readonly Keys _keys;

    public SecretScannerTests(Keys keys) => _keys = keys;

    public static TheoryData<string, string> Forms()
    {
        var data = new TheoryData<string, string>();
        foreach (var secret in Keys.Names)
        {
            foreach (var form in new[] { "raw", "hex", "HEX", "hex:colons", "base64+0", "base64+1", "base64+2", "base64 wrapped", "base64 UTF-16", "hex UTF-16", "base64 in JSON", "gzip", "half" })
            {
                data.Add(secret, form);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Scan_OfAPlantedCopy_FindsIt(string secret, string form)
    {
        using var directory = new TempDirectory();
        File.WriteAllBytes(directory.File("planted.bin"), Surround(Write(_keys.Secret(secret), form)));

        Assert.NotEmpty(_keys.Scanner.Scan([directory.Path]));
    }

    [Theory]
    [InlineData(true, 64)]
    [InlineData(true, 76)]
    [InlineData(true, 40)]
    [InlineData(false, 64)]
    [InlineData(false, 51)]
    public void Scan_OfThePemRewrapped_FindsIt(bool pkcs8, int lineLength)
    {
        var body = Body(pkcs8 ? _keys.Certificates.KeyPkcs8Pem : _keys.Certificates.KeyPkcs1Pem);
        var wrapped = string.Join("\r\n", body.Chunk(lineLength).Select(line => new string(line)));

        Assert.Contains(_keys.Scanner.Scan("pem", Encoding.ASCII.GetBytes(wrapped)), hit => hit.Form == "PEM body");
    }

    [Fact]
    public void Scan_OfAny40CharactersOfThePemBody_FindsThem()
    {
        foreach (var pem in new[] { _keys.Certificates.KeyPkcs1Pem, _keys.Certificates.KeyPkcs8Pem })
        {
            var body = Body(pem);

            // The first 310 bytes hold version, modulus and exponent: the certificate holds them too.
            for (var start = 310 * 4 / 3; start + 40 <= body.TrimEnd('=').Length; start++)
            {
                var window = body.Substring(start, 40);
                Assert.True(_keys.Scanner.Scan("window", Surround(Encoding.ASCII.GetBytes(window))).Count > 0, $"window at {start} of {body.Length}: {window}");
            }
        }
    }

    [Fact]
    public void Scan_OfWhatIsPublic_FindsNothing()
    {
        var certificates = _keys.Certificates;
        var content = Encoding.ASCII.GetBytes(certificates.ServerPem + certificates.ChainPem + Convert.ToHexString(certificates.Key.Modulus!))
            .Concat(certificates.Server.RawData).Concat(certificates.Key.Modulus!).Concat(certificates.KeyPkcs8[..280]).ToArray();

        Assert.Empty(_keys.Scanner.Scan("public", content));
    }

    [Fact]
    public void Scan_OfAnotherKeysFiles_FindsNothing()
    {
        using var other = new TestCertificates();

        Assert.Empty(_keys.Scanner.Scan("other", Encoding.ASCII.GetBytes(other.KeyPkcs1Pem + other.KeyPkcs8Pem)));
    }

    [Fact]
    public void Scan_LeavesOutWhatItIsTold()
    {
        using var directory = new TempDirectory();
        var file = directory.Write("master.key", _keys.Certificates.KeyPkcs1Pem);

        Assert.NotEmpty(_keys.Scanner.Scan([directory.Path]));
        Assert.Empty(_keys.Scanner.Scan([directory.Path], except: file));
    }

    [Theory]
    [InlineData("text")]
    [InlineData("base64")]
    [InlineData("UTF-16")]
    public void Scan_ForAPassword_FindsIt(string form)
    {
        const string Password = "correct-horse-battery";
        var scanner = SecretScanner.ForText("password", Password);
        var planted = form switch
        {
            "base64" => Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.ASCII.GetBytes("admin:" + Password))),
            "UTF-16" => Encoding.Unicode.GetBytes(Password),
            _ => Encoding.ASCII.GetBytes(Password),
        };

        Assert.NotEmpty(scanner.Scan("planted", Surround(planted)));
        Assert.Empty(scanner.Scan("clean", Surround("correct-pony-battery"u8.ToArray())));
    }

    private static byte[] Write(byte[] secret, string form)
    {
        var ascii = Encoding.ASCII;
        return form switch
        {
            "raw" => secret,
            "hex" => ascii.GetBytes(Convert.ToHexStringLower(secret)),
            "HEX" => ascii.GetBytes(Convert.ToHexString(secret)),
            "hex:colons" => ascii.GetBytes(BitConverter.ToString(secret).Replace('-', ':')),
            "base64+0" => ascii.GetBytes(Convert.ToBase64String(secret)),
            "base64+1" => ascii.GetBytes(Convert.ToBase64String([0x5A, .. secret])),
            "base64+2" => ascii.GetBytes(Convert.ToBase64String([0x5A, 0xA5, .. secret])),
            "base64 wrapped" => ascii.GetBytes(Convert.ToBase64String(secret, Base64FormattingOptions.InsertLineBreaks)),
            "base64 UTF-16" => Encoding.Unicode.GetBytes(Convert.ToBase64String(secret)),
            "hex UTF-16" => Encoding.Unicode.GetBytes(Convert.ToHexString(secret)),
            "base64 in JSON" => JsonSerializer.SerializeToUtf8Bytes(new { key = Convert.ToBase64String(secret, Base64FormattingOptions.InsertLineBreaks) }),
            "gzip" => Gzip(secret),
            "half" => secret[(secret.Length / 4)..(secret.Length * 3 / 4)],
            _ => throw new ArgumentOutOfRangeException(nameof(form), form, null),
        };
    }

    private static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(content);
        }

        return packed.ToArray();
    }

    private static byte[] Surround(byte[] content) => [.. RandomNumberGenerator.GetBytes(1001), .. content, .. RandomNumberGenerator.GetBytes(777)];

    private static string Body(string pem) => string.Concat(pem.Split('\n').Where(line => !line.StartsWith('-')).Select(line => line.Trim()));

    public sealed class Keys : IDisposable
    {
        public static readonly string[] Names = ["PKCS#1", "PKCS#8", "p", "q", "d", "dP", "dQ", "qInv", "p LE", "q LE", "d LE", "dP LE", "dQ LE", "qInv LE"];

        public Keys() => Scanner = SecretScanner.ForKey(Certificates.KeyPkcs8Pem);

        public TestCertificates Certificates { get; } = new();

        public SecretScanner Scanner { get; }

        public byte[] Secret(string name)
        {
            var key = Certificates.Key;
            var bytes = name.Split(' ')[0] switch
            {
                "PKCS#1" => Certificates.KeyPkcs1,
                "PKCS#8" => Certificates.KeyPkcs8,
                "p" => key.P!,
                "q" => key.Q!,
                "d" => key.D!,
                "dP" => key.DP!,
                "dQ" => key.DQ!,
                _ => key.InverseQ!,
            };
            return name.EndsWith("LE", StringComparison.Ordinal) ? [.. bytes.Reverse()] : bytes;
        }

        public void Dispose() => Certificates.Dispose();
    }
}
