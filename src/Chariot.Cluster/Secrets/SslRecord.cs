using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Secrets;

/// <summary>Where <see cref="SslRecord"/> keeps its file.</summary>
/// <param name="DataDirectory">Of this process, full path.</param>
/// <param name="IsOnlyNode">No other process shares the store, so a store with a certificate and no record has lost it.</param>
public sealed record SslRecordOptions(string DataDirectory, bool IsOnlyNode);

/// <summary>What the records of a configuration say.</summary>
/// <param name="Revision">Highest <see cref="BrokerConfiguration.SslRevision"/> seen; 0 without a record.</param>
/// <param name="Found">Whether there is a good one at all.</param>
/// <param name="Moved">Whether the good ones were written for another data directory: they were copied along with the store.</param>
/// <param name="Unreadable">File that is there and is not good: altered, or of another master key.</param>
internal sealed record SslRecordState(long Revision, bool Found, bool Moved, string? Unreadable);

/// <summary>
/// The newest decision about SSL that this node knows of, kept outside the store so that an old copy of the store shows (docs/adr/0015): a
/// file beside the master key, authenticated by a key derived from it. When the directory of the master key cannot be written, or is
/// the data directory, whoever copies the data directory copies the record too; it then also names the directory it was written for.
/// </summary>
internal sealed class SslRecord(MasterKey masterKey, ISecretSealer sealer, SslRecordOptions options, string nodeName)
{
    private const string Purpose = "ssl-record/v1";
    private const int MaximumSize = 4096;
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Of every node that keeps its record in the same place, whatever it was called then.</summary>
    public SslRecordState Read(string configurationId)
    {
        long revision = 0;
        bool found = false, here = false;
        string? unreadable = null;
        foreach (var folder in Folders().Where(Directory.Exists))
        {
            if (Find(folder, configurationId) is not { } files)
            {
                unreadable = folder;
                continue;
            }

            foreach (var file in files)
            {
                if (Parse(file, configurationId) is not { } line)
                {
                    unreadable = file;
                    continue;
                }

                found = true;
                here |= line.Place == PlaceOf(folder);
                revision = Math.Max(revision, line.Revision);
            }
        }

        return new SslRecordState(revision, found, found && !here, unreadable);
    }

    /// <summary>Writes this node's record; returns the file.</summary>
    /// <exception cref="IOException">Neither place can be written.</exception>
    public string Write(string configurationId, long revision)
    {
        var node = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(nodeName)))[..8];
        Exception? cause = null;
        foreach (var folder in Folders())
        {
            var file = Path.Combine(folder, $"{Prefix(configurationId)}{node}.seen");
            try
            {
                if (folder == options.DataDirectory)
                {
                    // A node of a cluster may have had nothing to keep there so far.
                    Directory.CreateDirectory(folder);
                }

                Replace(file, JsonSerializer.SerializeToUtf8Bytes(new Line(configurationId, revision, PlaceOf(folder), Mac(configurationId, revision, PlaceOf(folder)))));
                return file;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                cause = error;
            }
        }

        throw new IOException($"No record of the SSL revision can be kept beside {masterKey.File} or in {options.DataDirectory}: {cause!.Message}", cause);
    }

    private string[] Folders() => [Path.GetDirectoryName(masterKey.File)!, options.DataDirectory];

    private string Prefix(string configurationId) => $"{Path.GetFileName(masterKey.File)}.{configurationId[..Math.Min(12, configurationId.Length)]}.";

    /// <summary>Null when the directory cannot be listed.</summary>
    private string[]? Find(string folder, string configurationId)
    {
        try
        {
            return Directory.GetFiles(folder, $"{Prefix(configurationId)}*.seen");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The caller tells of the directory, and holds the certificate back unless the other one has a good record.
            return null;
        }
    }

    /// <summary>A record inside the data directory is good for that directory only.</summary>
    private string PlaceOf(string folder)
    {
        var data = Path.TrimEndingDirectorySeparator(options.DataDirectory);
        var kept = Path.TrimEndingDirectorySeparator(folder);
        return kept == data || kept.StartsWith(data + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? data : "";
    }

    private Line? Parse(string file, string configurationId)
    {
        try
        {
            using var stream = File.OpenRead(file);
            var line = stream.Length > MaximumSize ? null : JsonSerializer.Deserialize<Line>(stream);
            return line is { Configuration: not null, Place: not null, Mac: not null } && line.Configuration == configurationId
                && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(line.Mac), Encoding.UTF8.GetBytes(Mac(line.Configuration, line.Revision, line.Place)))
                ? line
                : null;
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            // The caller tells of the file, and holds the certificate back.
            return null;
        }
    }

    private string Mac(string configurationId, long revision, string place)
    {
        var key = sealer.Derive(Purpose);
        try
        {
            return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{configurationId}\n{revision}\n{place}"))));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private static void Replace(string file, byte[] content)
    {
        // Whole under another name first: a crash must never leave half a record.
        var draft = $"{file}.{Guid.NewGuid():N}.new";
        var create = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            create.UnixCreateMode = OwnerFile;
        }

        try
        {
            using (var stream = new FileStream(draft, create))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(draft, file, overwrite: true);
        }
        finally
        {
            File.Delete(draft);
        }
    }

    private sealed record Line(string Configuration, long Revision, string Place, string Mac);
}
