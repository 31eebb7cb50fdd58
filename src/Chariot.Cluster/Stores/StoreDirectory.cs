namespace Chariot.Cluster.Stores;

/// <summary>
/// The data directory: made for the owner only, and locked for the life of the process so that two brokers never share it.
/// </summary>
internal sealed class StoreDirectory : IDisposable
{
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerDirectory = OwnerFile | UnixFileMode.UserExecute;
    private readonly FileStream _lock;

    private StoreDirectory(string path, FileStream @lock)
    {
        DatabasePath = Path.Combine(path, "chariot.db");
        _lock = @lock;
    }

    public string DatabasePath { get; }

    public string WriteAheadLogPath => DatabasePath + "-wal";

    /// <exception cref="StoreUnavailableException">Locked by another process, or not writable.</exception>
    public static StoreDirectory Open(string path)
    {
        path = Path.GetFullPath(path);
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path);
            }
            else
            {
                Directory.CreateDirectory(path, OwnerDirectory);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"The data directory '{path}' cannot be made: {error.Message} Check Chariot:DataDirectory and its permissions.", error);
        }

        var directory = new StoreDirectory(path, OpenLock(Path.Combine(path, "chariot.lock")));
        try
        {
            directory.PrepareFiles();
            return directory;
        }
        catch (Exception error)
        {
            directory.Dispose();
            throw error is UnauthorizedAccessException or IOException
                ? new StoreUnavailableException($"'{directory.DatabasePath}' cannot be opened: {error.Message} Check its owner and permissions.", error)
                : error;
        }
    }

    /// <summary>The lock file stays: deleting it would let a third process lock a new file while a second holds the old one.</summary>
    public void Dispose() => _lock.Dispose();

    private static FileStream OpenLock(string path)
    {
        try
        {
            return OpenOwned(path, FileShare.None);
        }
        catch (IOException error) when (File.Exists(path))
        {
            throw new StoreUnavailableException(
                $"The data directory '{Path.GetDirectoryName(path)}' is in use by another running Chariot. Stop it, or give this node its own Chariot:DataDirectory.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"'{path}' cannot be opened: {error.Message} Check its owner and permissions.", error);
        }
    }

    private void PrepareFiles()
    {
        // SQLite gives -wal and -shm the mode of the data file, so it must have its mode before SQLite sees it.
        OpenOwned(DatabasePath, FileShare.ReadWrite).Dispose();
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        // A restored backup often comes with the umask's mode.
        foreach (var file in new[] { DatabasePath, WriteAheadLogPath, DatabasePath + "-shm" }.Where(File.Exists))
        {
            File.SetUnixFileMode(file, OwnerFile);
        }
    }

    private static FileStream OpenOwned(string path, FileShare share)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = share, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerFile;
        }

        return new FileStream(path, options);
    }
}
