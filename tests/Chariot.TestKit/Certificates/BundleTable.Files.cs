using System.IO.Compression;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.TestKit.Certificates;

/// <summary>Rows 15 to 24: formats, PEM and ASN.1.</summary>
public static partial class BundleTable
{
    private static byte[] LeafDer => X509CertificateLoader.LoadCertificate(FromPem(LeafPem)).RawData;

    private static Dictionary<string, BundleCase> FileRows()
    {
        var rows = new Dictionary<string, BundleCase>
        {
            ["15 DER certificate"] = OfFile("file.der", Server, () => Latin(LeafDer), "openssl x509 -inform DER"),
            ["15 DER certificate in the chain slot"] = OfFile("file.der", Chain, () => Latin(Root.Certificate.RawData), "a certificate"),
            ["15 DER key"] = OfFile("file.der", Key, () => Latin(ServerKey.ExportPkcs8PrivateKey()), "openssl pkey -inform DER"),
            ["15 DER key of PKCS#1"] = OfFile("file.der", Key, () => Latin(ServerKey.ExportRSAPrivateKey()), "an RSA private key"),
            ["16 PKCS#12"] = OfFile("file.pkcs12", Key, () => Pkcs12(), "openssl pkcs12"),
            ["16 PKCS#12 in the certificate slot"] = OfFile("file.pkcs12", Server, () => Pkcs12()),
            ["16 PKCS#7"] = OfFile("file.pkcs7", Chain, () => Pkcs7("DER"), "openssl pkcs7"),
            ["16 PKCS#7 as PEM"] = OfChain("file.pkcs7", "error", 1, 1, () => Pkcs7("PEM"), "openssl pkcs7"),
            ["16 JKS"] = OfFile("file.jks", Key, () => Latin([0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 1]), "keytool"),
            ["16 OpenSSH"] = Bad("file.openssh", 1, 1, OpenSshKey, "ssh-keygen"),
            ["16 PuTTY"] = OfFile("file.putty", Key, () => "PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: none\r\n", "puttygen"),
            ["16 JWK"] = OfFile("file.jwk", Key, () => "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"d\":\"AQAB\"}"),
            ["17 trusted certificate"] = OfServer("file.label", "error", () => WithOpenSsl(LeafPem, "x509 -in in -trustout -addtrust serverAuth -out out"), "TRUSTED CERTIFICATE"),
            ["17 CRL"] = OfChain("file.label", "error", 3, LineAfter(ChainPem), () => ChainPem + KeyForge.Pem("X509 CRL", [0x30, 0]), "client certificates"),
            ["17 unknown label"] = OfServer("file.label", "error", () => KeyForge.Pem("SOMETHING ELSE", [0x30, 0]), "SOMETHING ELSE"),
            ["17 unknown label in the key slot"] = Bad("file.label", 2, LineAfter(KeyPem), () => KeyPem + KeyForge.Pem("SOMETHING ELSE", [0x30, 0]), "SOMETHING ELSE"),
            ["19 UTF-16"] = OfFile("file.utf16", Server, () => Latin([.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(LeafPem)]), "Save it as UTF-8"),
            ["19 UTF-16 without its mark"] = OfFile("file.utf16", Key, () => Latin(Encoding.Unicode.GetBytes(KeyPem))),
            ["22 no END"] = OfServer22("file.pem-truncated", LineCount(LeafPem) - 1, () => LeafPem[..LeafPem.IndexOf("-----END", StringComparison.Ordinal)], "has no END line"),
            ["22 cut in the middle"] = Bad("file.pem-truncated", 1, 10, () => string.Join('\n', KeyPem.Split('\n').Take(10)), "cut at line 10"),
            ["22 BEGIN inside a block"] = OfChain("file.pem-truncated", "error", 1, 5, () => string.Join('\n', ChainPem.Split('\n').Take(5)) + "\n" + ChainPem),
            ["22 END of another label"] = OfServer22("file.pem-label", LineCount(LeafPem), () => LeafPem.Replace("END CERTIFICATE", "END PRIVATE KEY", StringComparison.Ordinal), "says END PRIVATE KEY"),
            ["22 END without BEGIN"] = OfServer("file.pem-label", "error", () => LeafPem[LeafPem.IndexOf('\n', StringComparison.Ordinal)..]) with { Block = null, Line = LineCount(LeafPem) },
            ["22 cut base64"] = OfServer22("file.pem-base64", LineCount(LeafPem), () => LeafPem.Remove(LeafPem.IndexOf("\n-----END", StringComparison.Ordinal) - 1, 1), "in the middle of a group"),
            ["22 bad character"] = Bad("file.pem-base64", 1, 4, () => ReplaceAt(KeyPem, 3, 6, '*'), "Line 4, column 7"),
            ["22 bad character behind a preamble"] = OfServer22("file.pem-base64", 7, () => "a\nb\nc\n" + ReplaceAt(LeafPem, 3, 0, '\u00E4'), "Line 7, column 1"),
            ["23 not ASN.1"] = OfServer("file.asn1", "error", () => Certificate([.. Enumerable.Repeat((byte)0xFF, 300)]), "byte 0"),
            ["23 bytes behind the structure"] = OfServer("file.asn1", "error", () => Certificate([.. LeafDer, 1, 2, 3]), $"byte {LeafDer.Length}"),
            ["23 bytes behind the key"] = Bad("file.asn1", 1, 1, () => KeyForge.Pem("PRIVATE KEY", [.. ServerKey.ExportPkcs8PrivateKey(), 0]), "bytes follow"),
            ["23 indefinite length"] = OfServer("file.asn1", "error", () => Certificate([0x30, 0x80, .. LeafDer.AsSpan(4), 0, 0]), "indefinite"),
            ["23 length not shortest"] = OfServer("file.asn1", "error", () => Certificate([0x30, 0x83, 0, .. LeafDer.AsSpan(2)]), "shortest form"),
            ["23 another structure"] = OfChain("file.asn1", "error", 2, LineAfter(ChainPem[..ChainPem.LastIndexOf("-----BEGIN", StringComparison.Ordinal)]), () => Intermediate.Pem + Certificate([0x30, 3, 2, 1, 5]), "not a certificate"),
            ["24 large certificate file"] = OfFile("file.too-complex", Server, () => LeafPem + new string(' ', 64 * 1024)) with { IsTooLarge = true },
            ["24 large key file"] = OfFile("file.too-complex", Key, () => KeyPem + new string('\n', 64 * 1024)) with { IsTooLarge = true },
            ["24 5 MB"] = OfFile("file.too-complex", Chain, () => new string('A', 5 << 20)) with { IsTooLarge = true },
            ["24 100,000 blocks"] = OfFile("file.too-complex", Chain, () => string.Concat(Enumerable.Repeat("-----BEGIN A-----\n-----END A-----\n", 100_000))) with { IsTooLarge = true },
            ["24 21 blocks"] = OfFile("file.too-complex", Chain, () => string.Concat(Enumerable.Repeat(Root.Pem, 21)), "20 PEM blocks"),
            ["24 nested 10,000 deep"] = OfServer("file.too-complex", "error", () => Certificate(Nested(10_000)), "64 levels"),
            ["24 nested 65 deep"] = Bad("file.too-complex", 1, 1, () => KeyForge.Pem("PRIVATE KEY", Nested(65)), "64 levels"),
            ["24 length 2^31"] = OfServer("file.asn1", "error", () => Certificate([0x30, 0x84, 0x80, 0, 0, 0, 2, 1, 5]), "beyond the end"),
        };
        foreach (var (slot, name) in new[] { (Key, "key"), (Server, "certificate"), (Chain, "chain") })
        {
            rows[$"18 {name} empty"] = OfFile("file.empty", slot, () => "");
            rows[$"18 {name} white space"] = OfFile("file.empty", slot, () => " \r\n\t\n");
            rows[$"18 {name} missing"] = OfFile("file.missing", slot, () => null);
            rows[$"19 {name} text"] = OfFile("file.not-pem", slot, () => "Here is the file you asked for.\n");
            rows[$"19 {name} base64 alone"] = OfFile("file.not-pem", slot, () => Convert.ToBase64String(LeafDer), "BEGIN");
            rows[$"19 {name} web page"] = OfFile("file.html", slot, () => "<!DOCTYPE html>\n<html><body>404</body></html>");
            rows[$"19 {name} gzip"] = OfFile("file.archive", slot, () => Latin(Pack(LeafPem)), "gzip");
            rows[$"19 {name} zip"] = OfFile("file.archive", slot, () => "PK\u0003\u0004\u0014\0\0\0\u0008\0abcdefgh", "zip");
            rows[$"19 {name} binary"] = OfFile("file.binary", slot, () => Latin([.. Enumerable.Range(0, 2000).Select(i => (byte)(0x91 + (i * 37)))]));
        }

        foreach (var spelling in PemSpelling.Names)
        {
            var row = spelling is "preamble" or "bag attributes" or "comments" ? 21 : 20;
            rows[$"{row} {spelling}"] = Sound(() => new(PemSpelling.Respell(KeyPem, spelling), PemSpelling.Respell(LeafPem, spelling), PemSpelling.Respell(ChainPem, spelling)));
        }

        rows["21 line numbers count the preamble"] = Bad("key.not-rsa", 1, 4, () => "one\ntwo\nthree\n" + Text("genpkey -algorithm ED25519"), "line 4");
        return rows;
    }

    private static BundleCase OfFile(string code, string slot, Func<string?> content, string says = "") =>
        new(code, "error", slot, null, null, () => slot switch
        {
            Key => Good with { Key = content() },
            Server => Good with { Certificate = content() },
            _ => Good with { Chain = content() },
        })
        { Says = says };

    private static BundleCase OfServer22(string code, int line, Func<string> certificate, string says) => OfServer(code, "error", certificate, says) with { Line = line };

    private static string Certificate(byte[] content) => KeyForge.Pem("CERTIFICATE", content);

    private static string Latin(byte[] bytes) => Encoding.Latin1.GetString(bytes);

    private static byte[] FromPem(string pem) => Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]);

    private static string ReplaceAt(string text, int line, int column, char character)
    {
        var lines = text.Split('\n');
        lines[line] = lines[line][..column] + character + lines[line][(column + 1)..];
        return string.Join('\n', lines);
    }

    private static string Pkcs12()
    {
        using var tool = new OpenSsl();
        return Latin(tool.Write("key", KeyPem).Write("crt", LeafPem).Run("pkcs12 -export -inkey key -in crt -passout pass:x -out out").Read("out"));
    }

    private static string Pkcs7(string form)
    {
        using var tool = new OpenSsl();
        return Latin(tool.Write("chain", ChainPem).Run($"crl2pkcs7 -nocrl -certfile chain -outform {form} -out out").Read("out"));
    }

    private static string OpenSshKey()
    {
        using var tool = new OpenSsl();
        return tool.Run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "out").ReadText("out");
    }

    /// <summary>What openssl makes of a text in the file <c>in</c>.</summary>
    private static string WithOpenSsl(string input, string arguments)
    {
        using var tool = new OpenSsl();
        return tool.Write("in", input).Run(arguments).ReadText("out");
    }

    private static byte[] Pack(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(Encoding.ASCII.GetBytes(text));
        }

        return packed.ToArray();
    }

    /// <summary>Sequences in sequences, written from the inside out.</summary>
    private static byte[] Nested(int depth)
    {
        var reversed = new List<byte>();
        for (var i = 0; i < depth; i++)
        {
            var length = reversed.Count;
            if (length < 0x80)
            {
                reversed.Add((byte)length);
            }
            else
            {
                var width = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
                for (var part = 0; part < width; part++)
                {
                    reversed.Add((byte)(length >> (8 * part)));
                }

                reversed.Add((byte)(0x80 | width));
            }

            reversed.Add(0x30);
        }

        reversed.Reverse();
        return [.. reversed];
    }
}
