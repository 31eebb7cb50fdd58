using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Chariot.Server.Commands;

/// <summary>
/// Certificates and keys as PEM files in one folder: <c>NAME.crt</c>, and <c>NAME.key</c> which only its owner may read. Nothing
/// is ever overwritten. What the system refuses is a <see cref="UsageException"/>.
/// </summary>
internal sealed class PairFolder(string path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string Path { get; } = path;

    public bool Has(string file) => File.Exists(FullName(file));

    /// <summary>Throws when one of the pair's files exists, before anything is written.</summary>
    public void Refuse(string pair)
    {
        foreach (var file in new[] { pair + ".crt", pair + ".key" }.Where(Has))
        {
            throw new UsageException($"'{FullName(file)}' exists and is not overwritten. Give another folder, or remove it.");
        }
    }

    public X509Certificate2 Load(string pair) => Guard(pair, () =>
    {
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(FullName(pair + ".crt"));
        using var key = RSA.Create();
        key.ImportFromPem(File.ReadAllText(FullName(pair + ".key")));
        return certificate.CopyWithPrivateKey(key);
    });

    /// <summary>The key as PKCS#8; every clear copy of it but the file is wiped.</summary>
    public void Write(string pair, X509Certificate2 certificate, RSA key)
    {
        var der = key.ExportPkcs8PrivateKey();
        var text = new char[PemEncoding.GetEncodedSize("PRIVATE KEY".Length, der.Length)];
        var bytes = new byte[text.Length + 1];
        try
        {
            PemEncoding.TryWrite("PRIVATE KEY", der, text, out _);
            Encoding.ASCII.GetBytes(text, bytes);
            bytes[^1] = (byte)'\n';
            Create(pair + ".key", bytes, OwnerOnly);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
            Array.Clear(text);
            CryptographicOperations.ZeroMemory(bytes);
        }

        Write(pair + ".crt", certificate.ExportCertificatePem() + "\n");
    }

    public void Write(string file, string text) => Create(file, Encoding.ASCII.GetBytes(text), OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead);

    private void Create(string file, byte[] content, UnixFileMode mode) => Guard(file, () =>
    {
        Directory.CreateDirectory(Path);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = mode;
        }

        using var stream = new FileStream(FullName(file), options);
        stream.Write(content);
        return true;
    });

    private T Guard<T>(string file, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException)
        {
            throw new UsageException($"'{FullName(file)}': {error.Message}", error);
        }
    }

    private string FullName(string file) => System.IO.Path.Combine(Path, file);
}
