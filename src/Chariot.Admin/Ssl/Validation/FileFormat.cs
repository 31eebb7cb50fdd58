using System.Formats.Asn1;
using System.Text;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>A file format that is not PEM text: its finding, what it is called, and how to get PEM out of it.</summary>
internal sealed record FileFormat(string Code, string Name, string Message, string Remedy)
{
    private static ReadOnlySpan<byte> PemBegin => "-----BEGIN "u8;

    private static ReadOnlySpan<byte> PemEnd => "-----END "u8;

    /// <summary>Recognises what <paramref name="content"/> (not empty) is when it is not PEM text; null for PEM text.</summary>
    public static FileFormat? Recognise(ReadOnlySpan<byte> content)
    {
        if (FromMagic(content) is { } known)
        {
            return known;
        }

        if (content[0] == 0x30 && LooksLikeDer(content))
        {
            return FromDer(content);
        }

        var text = content.StartsWith(Encoding.UTF8.Preamble) ? content[Encoding.UTF8.Preamble.Length..] : content;
        text = text.TrimStart(" \t\r\n\v\f"u8);
        if (FromText(text) is { } textual)
        {
            return textual;
        }

        // With an END line alone its beginning is lost, which the PEM reader tells better.
        if (content.IndexOf(PemBegin) >= 0 || content.IndexOf(PemEnd) >= 0)
        {
            return null;
        }

        return IsBinary(content) ? Binary() : NotPem(text);
    }

    public static FileFormat Empty(bool isMissing) => isMissing
        ? new("file.missing", "no file", "No file was given.", "Choose the file for this slot.")
        : new("file.empty", "empty file", "The file is empty.", "Choose the right file; check that it was saved completely.");

    public static FileFormat Pkcs7() => new("file.pkcs7", "PKCS#7 file", "The file is in PKCS#7 format (.p7b), which Chariot does not read.",
        "Convert it: openssl pkcs7 -print_certs -in file.p7b -out chain.pem (add -inform DER if the file is binary).");

    public static FileFormat OpenSsh() => new("file.openssh", "OpenSSH file", "The file is an OpenSSH key.",
        "Convert a copy of it: ssh-keygen -p -m PEM -N \"\" -f key-copy. TLS needs the RSA key with which the certificate was requested.");

    public static FileFormat NotPem(ReadOnlySpan<byte> text) => text.StartsWith("MII"u8)
        ? new("file.not-pem", "base64 text", "The file holds base64 text without the BEGIN and END lines of PEM.",
            "Put \"-----BEGIN CERTIFICATE-----\" (or PRIVATE KEY) on a line before the text and the END line behind it.")
        : new("file.not-pem", "text", "The file holds no PEM block: there is no line \"-----BEGIN ...-----\".",
            "Upload a PEM file; open it in an editor and look for its BEGIN line.");

    private static FileFormat Archive(string name) => new("file.archive", name, $"The file is compressed ({name}).", "Unpack it and upload the PEM file inside.");

    private static FileFormat Binary() => new("file.binary", "binary data", "The file holds binary data in a format that Chariot does not know.",
        "Upload the PEM form of the file: text that begins with \"-----BEGIN\".");

    private static FileFormat Utf16() => new("file.utf16", "UTF-16 text", "The file is saved as UTF-16.",
        "Save it as UTF-8 or ASCII. In PowerShell write it with Set-Content -Encoding ascii instead of \">\".");

    private static FileFormat? FromMagic(ReadOnlySpan<byte> content)
    {
        if (content.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || content.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]) || content.StartsWith("-\0-\0"u8) || content.StartsWith("\0-\0-"u8))
        {
            return Utf16();
        }

        if (content.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xED, 0xFE, 0xED]) || content.StartsWith((ReadOnlySpan<byte>)[0xCE, 0xCE, 0xCE, 0xCE]))
        {
            return new("file.jks", "Java keystore", "The file is a Java keystore (JKS).",
                "Convert it: keytool -importkeystore -srckeystore store.jks -destkeystore store.p12 -deststoretype PKCS12, then openssl pkcs12 -in store.p12 -nodes -out all.pem.");
        }

        if (content.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]))
        {
            return Archive("gzip");
        }

        if (content.StartsWith("PK\u0003\u0004"u8) || content.StartsWith("PK\u0005\u0006"u8))
        {
            return Archive("zip");
        }

        if (content.StartsWith((ReadOnlySpan<byte>)[0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]))
        {
            return Archive("7z");
        }

        if (content.StartsWith((ReadOnlySpan<byte>)[0xFD, 0x37, 0x7A, 0x58, 0x5A]))
        {
            return Archive("xz");
        }

        if (content.StartsWith("BZh"u8))
        {
            return Archive("bzip2");
        }

        if (content.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]))
        {
            return Archive("zstd");
        }

        return content.Length > 262 && content[257..].StartsWith("ustar"u8) ? Archive("tar") : null;
    }

    private static FileFormat? FromText(ReadOnlySpan<byte> text)
    {
        if (text.StartsWith("PuTTY-User-Key-File-"u8))
        {
            return new("file.putty", "PuTTY key", "The file is a PuTTY key (.ppk).",
                "Convert it: puttygen key.ppk -O private-openssh -o key, then ssh-keygen -p -m PEM -N \"\" -f key. TLS needs the RSA key with which the certificate was requested.");
        }

        if (text.StartsWith("ssh-"u8) || text.StartsWith("ecdsa-sha2-"u8) || text.StartsWith("---- BEGIN SSH2"u8))
        {
            return OpenSsh();
        }

        if (text.StartsWith("{"u8) || text.StartsWith("["u8))
        {
            return text.IndexOf("\"kty\""u8) >= 0
                ? new("file.jwk", "JSON web key", "The file is a JSON web key (JWK).", "Convert it to PEM: npx pem-jwk key.json > key.pem, on a machine you trust.")
                : null;
        }

        return text.StartsWith("<"u8)
            ? new("file.html", "HTML page", "The file is a web page, not a certificate or key.",
                "The download gave an error or sign-in page; open the file in a browser to see it, then download again.")
            : null;
    }

    private static bool IsBinary(ReadOnlySpan<byte> content)
    {
        var sample = content[..Math.Min(content.Length, 4096)];
        var odd = 0;
        foreach (var value in sample)
        {
            if (value == 0)
            {
                return true;
            }

            odd += value is < 0x20 and not ((byte)'\t' or (byte)'\r' or (byte)'\n' or (byte)'\f' or (byte)'\v') or 0x7F ? 1 : 0;
        }

        return odd * 20 > sample.Length || content.TrimStart(Encoding.UTF8.Preamble).IsEmpty;
    }

    private static bool LooksLikeDer(ReadOnlySpan<byte> content) => content.Length > 1 && (content[1] is >= 0x80 and <= 0x84 || content.Length == content[1] + 2);

    // A look at the first elements only; what follows may be anything.
    private static FileFormat FromDer(ReadOnlySpan<byte> content)
    {
        var shape = Shape(content, 3);
        if (shape.StartsWith("06:1.2.840.113549.1.7.2", StringComparison.Ordinal))
        {
            return Pkcs7();
        }

        if (shape.StartsWith("02:3 30", StringComparison.Ordinal))
        {
            return new("file.pkcs12", "PKCS#12 file", "The file is in PKCS#12 format (.pfx, .p12), which Chariot does not read.",
                "Convert it: openssl pkcs12 -in file.pfx -nodes -out all.pem (add -legacy for old files), then split all.pem into key, certificate and chain.");
        }

        var (what, tool) = shape switch
        {
            _ when shape.StartsWith("02:0 30 04", StringComparison.Ordinal) => ("a private key", "pkey"),
            _ when shape.StartsWith("02:0 02", StringComparison.Ordinal) => ("an RSA private key", "pkey"),
            _ when shape.StartsWith("02:1 04", StringComparison.Ordinal) => ("an EC private key", "pkey"),
            _ when shape.StartsWith("30 04", StringComparison.Ordinal) => ("an encrypted private key", "pkey"),
            _ when shape.StartsWith("30 03", StringComparison.Ordinal) => ("a public key", "pkey -pubin"),
            _ when shape.StartsWith("30 30 03", StringComparison.Ordinal) => IsRequest(content)
                ? ("a certificate request", "req")
                : ("a certificate", "x509"),
            _ => ("data", "x509"),
        };
        return new("file.der", $"DER file ({what})", $"The file is binary (DER) and holds {what}.", $"Convert it: openssl {tool} -inform DER -in file.der -out file.pem.");
    }

    /// <summary>Tags of the first elements inside the outer sequence, with the value of small numbers and identifiers.</summary>
    private static string Shape(ReadOnlySpan<byte> content, int count)
    {
        var shape = new StringBuilder();
        try
        {
            AsnDecoder.ReadEncodedValue(content, AsnEncodingRules.BER, out var offset, out var length, out _);
            var rest = content.Slice(offset, length);
            for (var i = 0; i < count && !rest.IsEmpty; i++)
            {
                AsnDecoder.ReadEncodedValue(rest, AsnEncodingRules.BER, out _, out _, out var consumed);
                shape.Append(i == 0 ? "" : " ").Append(Convert.ToHexString(rest[..1]));
                if (rest[0] == 2 && consumed == 3)
                {
                    shape.Append(':').Append(rest[2]);
                }
                else if (rest[0] == 6)
                {
                    shape.Append(':').Append(AsnDecoder.ReadObjectIdentifier(rest, AsnEncodingRules.BER, out _));
                }

                rest = rest[consumed..];
            }
        }
        catch (AsnContentException)
        {
            // Cut or damaged: the elements that were read are all there is to go by.
            return shape.ToString();
        }

        return shape.ToString();
    }

    private static bool IsRequest(ReadOnlySpan<byte> content)
    {
        AsnDecoder.ReadSequence(content, AsnEncodingRules.BER, out var offset, out var length, out _);
        // RFC 2986: version 0, name, key; a certificate begins with [0] or a serial number and has the algorithm next.
        return Shape(content.Slice(offset, length), 4) is var shape && shape.StartsWith("02:0 30 30 A0", StringComparison.Ordinal);
    }
}
