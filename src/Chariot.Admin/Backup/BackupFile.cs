using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Http;

namespace Chariot.Admin.Backup;

/// <summary>What a backup file holds; the key, if any, is wiped on disposal.</summary>
internal sealed class BackupContent(byte[] json, ClearSecret? key) : IDisposable
{
    /// <summary>A <see cref="BackupDocument"/>.</summary>
    public byte[] Json { get; } = json;

    /// <summary>PKCS#8, DER; null when the file holds no private key.</summary>
    public ClearSecret? Key { get; } = key;

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(Json);
        Key?.Dispose();
    }
}

/// <summary>
/// The file of a backup: one line of JSON (<see cref="Header"/>) and the content behind it. Without a passphrase the content is JSON, and the
/// line has its SHA-256, which tells damage and not malice. With one it is AES-256-GCM, the line being its associated data, of: length of the key (4
/// bytes, big-endian), key, JSON. The key is not part of the JSON so that nothing but pinned buffers ever holds it. Nothing is
/// packed and nothing has a path, so there is no ratio and no path to check.
/// </summary>
internal static class BackupFile
{
    /// <summary>As findings name it.</summary>
    public const string Name = "backup";

    public const string ContentType = "application/vnd.chariot.backup";

    /// <summary>Bytes.</summary>
    public const int MaximumSize = 64 * 1024 * 1024;

    /// <summary>Characters. Whoever has the file can guess as long as they like.</summary>
    public const int MinimumPassphrase = 12;

    /// <summary>UTF-8 bytes.</summary>
    public const int MaximumPassphrase = 1024;

    /// <summary>OWASP's figure for PBKDF2-HMAC-SHA256.</summary>
    public const int Rounds = 600_000;

    /// <summary>A file that asks for more is refused: a check must not hold a core for seconds.</summary>
    public const int MaximumRounds = 10_000_000;

    private const string Format = "chariot-backup";
    private const int Version = 1;
    private const string Derivation = "pbkdf2-sha256";
    private const string Cipher = "aes-256-gcm";
    private const int SaltLength = 32;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int LongestHeader = 1024;
    private const int LargestKey = 64 * 1024;
    private static readonly JsonSerializerOptions s_json = AdminJson.Create();

    /// <param name="passphrase">UTF-8; null leaves the content readable, and there may be no key then. As slow as <see cref="Rounds"/>.</param>
    public static byte[] Write(ReadOnlySpan<byte> json, ClearSecret? key, ClearSecret? passphrase)
    {
        if (passphrase is null)
        {
            return key is null
                ? [.. Line(new Header(Format, Version, json.Length, Convert.ToHexStringLower(SHA256.HashData(json)), null)), .. json]
                : throw new ArgumentException("A key leaves the broker under a passphrase only.", nameof(key));
        }

        var keyLength = key?.Bytes.Length ?? 0;
        using var clear = new ClearSecret(sizeof(int) + keyLength + json.Length);
        BinaryPrimitives.WriteInt32BigEndian(clear.Bytes, keyLength);
        key?.Bytes.CopyTo(clear.Bytes[sizeof(int)..]);
        json.CopyTo(clear.Bytes[(sizeof(int) + keyLength)..]);

        var encryption = new Encryption(Derivation, Rounds, RandomNumberGenerator.GetBytes(SaltLength), Cipher, RandomNumberGenerator.GetBytes(NonceLength));
        var line = Line(new Header(Format, Version, clear.Bytes.Length + TagLength, null, encryption));
        var file = new byte[line.Length + clear.Bytes.Length + TagLength];
        line.CopyTo(file, 0);
        using var aes = OpenCipher(encryption, passphrase);
        var body = file.AsSpan(line.Length);
        aes.Encrypt(encryption.Nonce, clear.Bytes, body[..^TagLength], body[^TagLength..], line);
        return file;
    }

    /// <summary>Answers for every input. As slow as the file's rounds say, at most some seconds.</summary>
    public static Act<BackupContent> Read(ReadOnlySpan<byte> file, ClearSecret? passphrase)
    {
        var end = file[..Math.Min(file.Length, LongestHeader)].IndexOf((byte)'\n');
        if (end < 0 || Parse(file[..end]) is not { } header)
        {
            return Refuse("backup.not-a-backup", "This is no file of 'chariot backup'.", "Choose a file that 'chariot backup' wrote.");
        }

        if (header.Version != Version)
        {
            return Refuse("backup.version", $"The file is a backup of version {header.Version}; this broker reads version {Version}.", "Restore it with the version of Chariot that wrote it, or a newer one.");
        }

        var line = file[..(end + 1)];
        var body = file[(end + 1)..];
        if (body.Length != header.Length)
        {
            return Refuse(body.Length < header.Length ? "backup.truncated" : "backup.altered", $"The file should have {header.Length} bytes behind its first line and has {body.Length}.", "Copy the file again from where it was kept.");
        }

        if (header.Encryption is null)
        {
            return header.Sha256 == Convert.ToHexStringLower(SHA256.HashData(body))
                ? Act<BackupContent>.Done(new BackupContent(body.ToArray(), null))
                : Refuse("backup.altered", "The file was altered or damaged: its SHA-256 is not the one in its first line.", "Copy the file again from where it was kept.");
        }

        return Decrypt(header.Encryption, line, body, passphrase);
    }

    private static Act<BackupContent> Decrypt(Encryption encryption, ReadOnlySpan<byte> line, ReadOnlySpan<byte> body, ClearSecret? passphrase)
    {
        if (encryption is not { Derivation: Derivation, Cipher: Cipher, Salt.Length: SaltLength, Nonce.Length: NonceLength } || body.Length < TagLength + sizeof(int))
        {
            return Refuse("backup.encryption", "The file is encrypted in a way that this broker does not know.", "Restore it with the version of Chariot that wrote it.");
        }

        if (encryption.Rounds is < Rounds or > MaximumRounds)
        {
            return Refuse("backup.kdf-cost", $"The file asks for {encryption.Rounds} rounds of key derivation; {Rounds} to {MaximumRounds} are accepted.", "Choose a file that 'chariot backup' wrote.");
        }

        if (passphrase is null)
        {
            return Refuse("backup.passphrase-missing", "The file is encrypted, and no passphrase was given.", "Give the passphrase of the backup.");
        }

        using var clear = new ClearSecret(body.Length - TagLength);
        try
        {
            using var aes = OpenCipher(encryption, passphrase);
            aes.Decrypt(encryption.Nonce, body[..^TagLength], body[^TagLength..], clear.Bytes, line);
        }
        catch (AuthenticationTagMismatchException)
        {
            return Refuse("backup.passphrase", "The passphrase is wrong, or the file was altered.", "Give the passphrase that the backup was made with.");
        }

        var keyLength = BinaryPrimitives.ReadInt32BigEndian(clear.Bytes);
        if (keyLength is < 0 or > LargestKey || keyLength > clear.Bytes.Length - sizeof(int))
        {
            return Refuse("backup.content", "The content of the file cannot be read.", "Choose a file that 'chariot backup' wrote.");
        }

        ClearSecret? key = null;
        if (keyLength > 0)
        {
            key = new ClearSecret(keyLength);
            clear.Bytes.Slice(sizeof(int), keyLength).CopyTo(key.Bytes);
        }

        return Act<BackupContent>.Done(new BackupContent(clear.Bytes[(sizeof(int) + keyLength)..].ToArray(), key));
    }

    public static Refusal Invalid(ImmutableArray<Finding> findings) => new(400, "backup-invalid", "The backup is refused. Nothing was changed.") { Findings = findings };

    private static Act<BackupContent> Refuse(string code, string message, string remedy) =>
        Invalid([new Finding(code, FindingSeverity.Error, message) { File = Name, Remedy = remedy }]);

    private static AesGcm OpenCipher(Encryption encryption, ClearSecret passphrase)
    {
        using var key = new ClearSecret(32);
        Rfc2898DeriveBytes.Pbkdf2(passphrase.Bytes, encryption.Salt, key.Bytes, encryption.Rounds, HashAlgorithmName.SHA256);
        return new AesGcm(key.Bytes, TagLength);
    }

    private static byte[] Line(Header header) => [.. JsonSerializer.SerializeToUtf8Bytes(header, s_json), (byte)'\n'];

    private static Header? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize<Header>(line, s_json) is { Format: Format } header ? header : null;
        }
        catch (JsonException)
        {
            // The caller says what a file must begin with; the library's text would quote the file.
            return null;
        }
    }

    /// <param name="Length">Bytes behind the line.</param>
    /// <param name="Sha256">Of them, lower-case hex; null when they are encrypted.</param>
    private sealed record Header(string Format, int Version, int Length, string? Sha256, Encryption? Encryption);

    private sealed record Encryption(string Derivation, int Rounds, byte[] Salt, string Cipher, byte[] Nonce);
}
