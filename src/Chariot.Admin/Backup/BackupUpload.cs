using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Chariot.Admin.Backup;

/// <summary>A backup as it was uploaded. The file is wiped too: without encryption it holds verifiers.</summary>
internal sealed class UploadedBackup(byte[] buffer, int length, ClearSecret? passphrase) : IDisposable
{
    public ReadOnlyMemory<byte> File => buffer.AsMemory(0, length);

    public ClearSecret? Passphrase { get; } = passphrase;

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(buffer);
        Passphrase?.Dispose();
    }

    public override string ToString() => "uploaded backup";
}

/// <summary>Reads the multipart body of a restore: a part <c>file</c> and, for an encrypted one, a part <c>passphrase</c>.</summary>
internal static class BackupUpload
{
    private const int Chunk = 64 * 1024;

    public static async Task<Act<UploadedBackup>> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).ToString() is not { Length: > 0 and <= 70 } boundary)
        {
            return Problem.ForStatus(StatusCodes.Status415UnsupportedMediaType) with { Detail = "Upload the backup as multipart/form-data." };
        }

        var parts = new Dictionary<string, (byte[] Buffer, int Length)>(StringComparer.Ordinal);
        try
        {
            var reader = new MultipartReader(boundary, request.Body);
            while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                var name = ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition) ? HeaderUtilities.RemoveQuotes(disposition.Name).ToString() : "";
                if (name is not ("file" or "passphrase") || parts.ContainsKey(name))
                {
                    return Refusal.Invalid("The upload has a part that is not known here, or twice.", [Findings.Error("upload.part", "file", "The parts are file and passphrase, each once.")]);
                }

                var limit = name == "file" ? BackupFile.MaximumSize : BackupFile.MaximumPassphrase;
                if (await ReadPartAsync(section.Body, limit, cancellationToken) is not { } part)
                {
                    return new Refusal(StatusCodes.Status413PayloadTooLarge, "upload-too-large", name == "file" ? $"The backup is larger than {limit / (1024 * 1024)} MiB." : $"The passphrase is longer than {limit} bytes.");
                }

                parts[name] = part;
            }

            if (!parts.Remove("file", out var file))
            {
                return Refusal.Invalid("No file was sent.", [new Finding("file.missing", FindingSeverity.Error, "The upload has no part named file.") { File = BackupFile.Name }]);
            }

            return Act<UploadedBackup>.Done(new UploadedBackup(file.Buffer, file.Length, parts.TryGetValue("passphrase", out var typed) && typed.Length > 0 ? Keep(typed) : null));
        }
        catch (Exception e) when (e is InvalidDataException || (e is IOException and not BadHttpRequestException && !cancellationToken.IsCancellationRequested))
        {
            return new Refusal(400, "upload-incomplete", "The upload ends early or is no valid multipart body. Nothing was changed.");
        }
        finally
        {
            foreach (var (buffer, _) in parts.Values)
            {
                CryptographicOperations.ZeroMemory(buffer);
            }
        }
    }

    private static ClearSecret Keep((byte[] Buffer, int Length) part)
    {
        var secret = new ClearSecret(part.Length);
        part.Buffer.AsSpan(0, part.Length).CopyTo(secret.Bytes);
        return secret;
    }

    /// <summary>Null when it is too large. Grows with what comes, so that a short body costs little.</summary>
    private static async Task<(byte[] Buffer, int Length)?> ReadPartAsync(Stream body, int maximum, CancellationToken cancellationToken)
    {
        var buffer = GC.AllocateArray<byte>(Math.Min(Chunk, maximum + 1), pinned: true);
        var length = 0;
        while (true)
        {
            var read = await body.ReadAsync(buffer.AsMemory(length), cancellationToken);
            if (read == 0)
            {
                return (buffer, length);
            }

            length += read;
            if (length > maximum)
            {
                CryptographicOperations.ZeroMemory(buffer);
                return null;
            }

            if (length == buffer.Length)
            {
                var larger = GC.AllocateArray<byte>((int)Math.Min(2L * buffer.Length, maximum + 1L), pinned: true);
                buffer.CopyTo(larger, 0);
                CryptographicOperations.ZeroMemory(buffer);
                buffer = larger;
            }
        }
    }
}
