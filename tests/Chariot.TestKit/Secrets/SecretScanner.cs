using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Chariot.TestKit.Secrets;

/// <summary>
/// Looks for traces of a secret in files: the secret's bytes as they are, in hex, and in base64 at each of its three
/// alignments, also when wrapped into lines, escaped in JSON, written as UTF-16, or inside gzip.
/// </summary>
/// <remarks>
/// A form is cut into anchors of equal length laid end to end, and any anchor is a hit. So every run of twice the
/// anchor's length is found wherever it begins: 31 raw bytes, 39 base64 characters, 63 hex digits of a private key. The public
/// parts of a key (modulus, exponent) are left out: they stand in its certificate too.
/// </remarks>
public sealed partial class SecretScanner
{
    private const int MostUnpacked = 16 * 1024 * 1024;
    private readonly AnchorSet _raw = new();
    private readonly AnchorSet _text = new();
    private readonly AnchorSet _hex = new();

    /// <summary>A scanner for an RSA private key: its PKCS#1 and PKCS#8 encodings and p, q, d, dP, dQ, qInv both ways round.</summary>
    public static SecretScanner ForKey(RSA key)
    {
        var scanner = new SecretScanner();
        var parameters = key.ExportParameters(true);

        // From d on: what comes before (version, n, e) is public.
        scanner.AddEncoding("PKCS#1", key.ExportRSAPrivateKey(), parameters.D!);
        scanner.AddEncoding("PKCS#8", key.ExportPkcs8PrivateKey(), parameters.D!);
        scanner.AddNumber("p", parameters.P!);
        scanner.AddNumber("q", parameters.Q!);
        scanner.AddNumber("d", parameters.D!);
        scanner.AddNumber("dP", parameters.DP!);
        scanner.AddNumber("dQ", parameters.DQ!);
        scanner.AddNumber("qInv", parameters.InverseQ!);
        return scanner;
    }

    /// <summary>A scanner for a PEM private key (PKCS#1 or PKCS#8).</summary>
    public static SecretScanner ForKey(string pem)
    {
        using var key = RSA.Create();
        key.ImportFromPem(pem);
        return ForKey(key);
    }

    /// <summary>A scanner for a password or token of at least 16 characters, found as a whole only: half of it may be a common word.</summary>
    public static SecretScanner ForText(string name, string secret)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(secret.Length, 16);
        var scanner = new SecretScanner();
        var bytes = Encoding.UTF8.GetBytes(secret);
        scanner.AddSecret(name, bytes, bytes.Length);
        var text = TextForm(bytes);
        scanner._text.Add(text, text.Length, name, "text");
        return scanner;
    }

    /// <summary>Scans every file below <paramref name="directories"/>, those named in <paramref name="except"/> aside.</summary>
    public IReadOnlyList<SecretHit> Scan(IEnumerable<string> directories, params string[] except)
    {
        List<SecretHit> hits = [];
        foreach (var file in directories.SelectMany(directory => Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories)))
        {
            if (!except.Contains(Path.GetFullPath(file)) && TryReadShared(file) is { } content)
            {
                hits.AddRange(Scan(file, content));
            }
        }

        return hits;
    }

    /// <summary>Scans bytes; <paramref name="name"/> is where they came from.</summary>
    public IReadOnlyList<SecretHit> Scan(string name, byte[] content)
    {
        HashSet<SecretHit> hits = [];
        Search(name, content, hits);
        foreach (var unpacked in Unpack(content))
        {
            Search(name + " (gzip)", unpacked, hits);
        }

        return [.. hits];
    }

    private void Search(string name, byte[] content, HashSet<SecretHit> hits)
    {
        _raw.Search(content, name, hits);
        var text = TextForm(content);
        _text.Search(text, name, hits);
        _hex.Search(HexForm(text), name, hits);
    }

    private void AddEncoding(string name, byte[] encoding, byte[] firstSecret)
    {
        var start = encoding.AsSpan().IndexOf(firstSecret);
        if (start < 0)
        {
            throw new ArgumentException("the encoding does not hold its first secret", nameof(encoding));
        }

        AddSecret(name, encoding[start..], 16);

        // The alignment that PEM gives it, which the three general ones cover too, under its own name.
        var aligned = (start + 2) / 3 * 3;
        _text.Add(Encoding.ASCII.GetBytes(Convert.ToBase64String(encoding[aligned..]).TrimEnd('=')), 20, name, "PEM body");
    }

    private void AddNumber(string name, byte[] bigEndian)
    {
        AddSecret(name + " big-endian", bigEndian, 16);
        var littleEndian = bigEndian.ToArray();
        Array.Reverse(littleEndian);
        AddSecret(name + " little-endian", littleEndian, 16);
    }

    private void AddSecret(string name, byte[] secret, int anchor)
    {
        _raw.Add(secret, anchor, name, "raw");
        _hex.Add(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(secret)), anchor * 2, name, "hex");
        for (var skip = 0; skip < 3; skip++)
        {
            // Only whole groups of three bytes: the characters at the rims depend on what stands beside the secret.
            var whole = secret[skip..(skip + (secret.Length - skip) / 3 * 3)];
            var characters = Convert.ToBase64String(whole);
            _text.Add(Encoding.ASCII.GetBytes(characters), anchor == secret.Length ? characters.Length : anchor + 4, name, $"base64 at {skip}");
        }
    }

    /// <summary>
    /// Without what may stand between the characters of wrapped, escaped or UTF-16 text: NUL, white space, escaped line ends;
    /// JSON's escapes of + and / undone, and base64url turned to base64.
    /// </summary>
    private static byte[] TextForm(byte[] content)
    {
        var text = new byte[content.Length];
        var length = 0;
        for (var i = 0; i < content.Length; i++)
        {
            var current = content[i];
            if (current is 0 or (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            {
                continue;
            }

            text[length++] = current;
        }

        var kept = 0;
        for (var i = 0; i < length; i++)
        {
            var rest = text.AsSpan(i, length - i);
            if (text[i] != '\\')
            {
                text[kept++] = text[i] switch { (byte)'-' => (byte)'+', (byte)'_' => (byte)'/', var other => other };
            }
            else if (rest.StartsWith("\\u002B"u8) || rest.StartsWith("\\u002b"u8))
            {
                text[kept++] = (byte)'+';
                i += 5;
            }
            else if (rest.StartsWith("\\u002F"u8) || rest.StartsWith("\\u002f"u8))
            {
                text[kept++] = (byte)'/';
                i += 5;
            }
            else if (rest.StartsWith("\\n"u8) || rest.StartsWith("\\r"u8))
            {
                i++;
            }
        }

        return text[..kept];
    }

    /// <summary>Lower case, and without the separators that hex dumps have.</summary>
    private static byte[] HexForm(byte[] text)
    {
        var hex = new byte[text.Length];
        var length = 0;
        foreach (var current in text)
        {
            // TextForm has turned '-' to '+'.
            if (current is (byte)':' or (byte)'+' or (byte)',')
            {
                continue;
            }

            hex[length++] = current is >= (byte)'A' and <= (byte)'F' ? (byte)(current | 0x20) : current;
        }

        return hex[..length];
    }

    private static IEnumerable<byte[]> Unpack(byte[] content)
    {
        for (var at = 0; at + 3 < content.Length; at++)
        {
            var next = content.AsSpan(at).IndexOf((ReadOnlySpan<byte>)[0x1F, 0x8B, 0x08]);
            if (next < 0)
            {
                yield break;
            }

            at += next;
            if (TryUnpack(content.AsSpan(at).ToArray(), out var unpacked))
            {
                yield return unpacked;
            }
        }
    }

    private static bool TryUnpack(byte[] packed, out byte[] unpacked)
    {
        using var output = new MemoryStream();
        var buffer = new byte[16 * 1024];
        try
        {
            using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
            for (int read; output.Length < MostUnpacked && (read = gzip.Read(buffer)) > 0;)
            {
                output.Write(buffer, 0, read);
            }
        }
        catch (InvalidDataException)
        {
            // Three bytes that only looked like gzip, or its cut end: what came out so far still counts.
            unpacked = output.ToArray();
            return unpacked.Length > 0;
        }

        unpacked = output.ToArray();
        return unpacked.Length > 0;
    }

    /// <summary>Reads a file that the broker may hold open, and hold locked; null when it has gone meanwhile.</summary>
    private static byte[]? TryReadShared(string file)
    {
        // .NET's own open takes an advisory lock, which fails on the broker's lock file.
        const int ReadOnlyWithoutWaiting = 0x800;
        const int NoSuchFile = 2;
        const int IsASocket = 6;
        var descriptor = Open(file, ReadOnlyWithoutWaiting);
        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            return error is NoSuchFile or IsASocket ? null : throw new IOException($"{file} cannot be opened: error {error}");
        }

        using var stream = new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Read);
        if (!stream.CanSeek)
        {
            // A pipe of the runtime's debugger: nothing lies in it.
            return null;
        }

        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
