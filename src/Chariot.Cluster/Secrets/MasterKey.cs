using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;

namespace Chariot.Cluster.Secrets;

/// <summary>
/// The 32 random bytes that everything sealed depends on, read from <c>Chariot:MasterKeyFile</c>: one comment line, one line of
/// base64. The same on every node of a cluster, and never in the store. Wiped on disposal.
/// </summary>
[DebuggerDisplay("***")]
public sealed class MasterKey : IDisposable
{
    /// <summary>Bytes.</summary>
    public const int Length = 32;

    // Comment and key take about 150 bytes; more is another file.
    private const int MaximumFileSize = 4096;

    private const UnixFileMode Shared =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute |
        UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private readonly byte[] _key = GC.AllocateArray<byte>(Length, pinned: true);

    private MasterKey(string file) => File = file;

    /// <summary>Full path of the file that it came from, for messages.</summary>
    public string File { get; }

    internal ReadOnlySpan<byte> Bytes => _key;

    /// <summary>
    /// Reads the key, or creates the file (mode 0600) when it is missing and <paramref name="createWhenMissing"/> is set.
    /// </summary>
    /// <exception cref="MasterKeyException">Missing, unreadable, open to other users, or malformed.</exception>
    public static MasterKey Open(string file, bool createWhenMissing)
    {
        var path = Path.GetFullPath(file);
        try
        {
            if (createWhenMissing && !Path.Exists(path))
            {
                Create(path);
            }

            return Read(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MasterKeyException($"The master key file {path} is missing; copy it from another node of the cluster (mode 0600).", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MasterKeyException($"The master key file {path} cannot be read or created: {e.Message}", e);
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_key);

    public override string ToString() => "***";

    private static MasterKey Read(string path)
    {
        using var handle = System.IO.File.OpenHandle(path);
        if (!OperatingSystem.IsWindows())
        {
            // On the open handle, so that the file that is checked is the file that is read.
            var mode = System.IO.File.GetUnixFileMode(handle);
            if ((mode & Shared) != 0)
            {
                throw new MasterKeyException(
                    $"The master key file {path} is open to other users (mode {Convert.ToString((int)mode, 8).PadLeft(4, '0')}); allow its owner only (chmod 600).");
            }
        }

        var text = GC.AllocateArray<byte>(MaximumFileSize + 1, pinned: true);
        try
        {
            var length = 0;
            int read;
            while (length < text.Length && (read = RandomAccess.Read(handle, text.AsSpan(length), length)) > 0)
            {
                length += read;
            }

            var key = new MasterKey(path);
            if (length <= MaximumFileSize && TryParse(text.AsSpan(0, length), key._key))
            {
                return key;
            }

            key.Dispose();
            throw new MasterKeyException($"The master key file {path} is malformed: expected one line of base64 that stands for {Length} bytes.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(text);
        }
    }

    private static bool TryParse(ReadOnlySpan<byte> text, Span<byte> key)
    {
        var found = false;
        while (!text.IsEmpty)
        {
            var end = text.IndexOf((byte)'\n');
            var line = (end < 0 ? text : text[..end]).Trim(" \t\r"u8);
            text = end < 0 ? default : text[(end + 1)..];
            if (line.IsEmpty || line[0] == '#')
            {
                continue;
            }

            if (found || Base64.DecodeFromUtf8(line, key, out var consumed, out var written) != OperationStatus.Done || consumed != line.Length || written != Length)
            {
                return false;
            }

            found = true;
        }

        return found;
    }

    private static void Create(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
        }
        else
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        // Written whole under another name first: a crash or a second process must never see half a key.
        var draft = $"{path}.{Guid.NewGuid():N}.new";
        var key = GC.AllocateArray<byte>(Length, pinned: true);
        var base64 = GC.AllocateArray<byte>(Base64.GetMaxEncodedToUtf8Length(Length), pinned: true);
        try
        {
            RandomNumberGenerator.Fill(key);
            Base64.EncodeToUtf8(key, base64, out _, out _);
            using (var stream = new FileStream(draft, options))
            {
                stream.Write("# Chariot master key. It opens every sealed secret: keep it private, back it up, give every node the same file.\n"u8);
                stream.Write(base64);
                stream.Write("\n"u8);
                stream.Flush(flushToDisk: true);
            }

            try
            {
                System.IO.File.Move(draft, path, overwrite: false);
            }
            catch (IOException) when (System.IO.File.Exists(path))
            {
                // Another process of this node was first; its key counts and is read next.
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
            CryptographicOperations.ZeroMemory(base64);
            System.IO.File.Delete(draft);
        }
    }
}
