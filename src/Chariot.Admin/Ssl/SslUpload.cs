using System.Collections.Immutable;
using System.Net;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Chariot.Admin.Ssl;

/// <summary>One uploaded file, whatever it is, in a pinned buffer that is wiped on disposal.</summary>
internal sealed class UploadedFile(ClearSecret buffer, int length, string fileName) : IDisposable
{
    public string FileName { get; } = fileName;

    public ReadOnlySpan<byte> Content => buffer.Bytes[..length];

    public void Dispose() => buffer.Dispose();

    public override string ToString() => "uploaded file";
}

/// <summary>The files of one request, by slot.</summary>
internal sealed class UploadedFiles : IDisposable
{
    private readonly Dictionary<SslFile, UploadedFile> _files = [];
    private bool _hasPassphrase;

    /// <summary>Of the private key; null when none was given, or an empty one, as a form sends that was left blank. Never stored.</summary>
    public ClearSecret? Passphrase { get; private set; }

    public UploadedFile? Find(SslFile slot) => _files.GetValueOrDefault(slot);

    /// <summary>A default span when the slot is empty.</summary>
    public ReadOnlySpan<byte> Content(SslFile slot) => _files.TryGetValue(slot, out var file) ? file.Content : default;

    public bool TryAdd(SslFile slot, UploadedFile file) => _files.TryAdd(slot, file);

    /// <summary>False when there was one already.</summary>
    public bool TryAdd(ClearSecret? passphrase)
    {
        if (_hasPassphrase)
        {
            return false;
        }

        (Passphrase, _hasPassphrase) = (passphrase, true);
        return true;
    }

    public void Dispose()
    {
        Passphrase?.Dispose();
        foreach (var file in _files.Values)
        {
            file.Dispose();
        }
    }
}

/// <summary>
/// Reads multipart uploads part by part into memory. Never through <see cref="IFormFile"/>, which writes bodies above 64 KiB to
/// temporary files.
/// </summary>
internal static class SslUpload
{
    /// <summary>Room for boundaries and part headers, besides the files.</summary>
    private const int Overhead = 16 * 1024;

    private const int MaximumFileName = 255;

    /// <summary>Bytes: 10,000 characters of any script.</summary>
    private const int MaximumPassphrase = 40_000;

    private const string PassphrasePart = "passphrase";

    private static readonly ImmutableDictionary<string, SslFile> PartNames = ImmutableDictionary.CreateRange(StringComparer.Ordinal,
    [
        KeyValuePair.Create("privateKey", SslFile.PrivateKey),
        KeyValuePair.Create("serverCertificate", SslFile.ServerCertificate),
        KeyValuePair.Create("caChain", SslFile.CaChain),
    ]);

    /// <summary>Largest file of a slot, bytes.</summary>
    public static int MaximumSize(SslFile slot) => slot == SslFile.CaChain ? 256 * 1024 : 64 * 1024;

    /// <summary>JSON and part name of a slot.</summary>
    public static string NameOf(SslFile slot) => PartNames.First(p => p.Value == slot).Key;

    /// <summary>Whether others can read what is uploaded: plain HTTP from another host.</summary>
    public static bool IsExposed(bool isHttps, IPAddress? from) =>
        !isHttps && from is not null && !IPAddress.IsLoopback(from.IsIPv4MappedToIPv6 ? from.MapToIPv4() : from);

    /// <summary>Reads one part named <c>file</c> for <paramref name="slot"/>; with a private key a part <c>passphrase</c> may come.</summary>
    public static Task<Act<UploadedFiles>> ReadOneAsync(HttpRequest request, SslFile slot, CancellationToken cancellationToken) =>
        ReadAsync(request, name => name == "file" ? slot : null, UploadLimit.Of, slot == SslFile.PrivateKey, MaximumSize(slot) + Overhead, cancellationToken);

    /// <summary>Reads one part named <c>file</c>, of at most <paramref name="maximum"/> bytes, that belongs in none of the three slots.</summary>
    /// <param name="label">The file as findings name it.</param>
    public static async Task<Act<UploadedFile>> ReadOtherAsync(HttpRequest request, string label, int maximum, CancellationToken cancellationToken)
    {
        // The slot only says where the file is to be found again.
        var upload = await ReadAsync(request, name => name == "file" ? SslFile.CaChain : null, _ => new UploadLimit(label, maximum), takesPassphrase: false, maximum + Overhead, cancellationToken);
        return upload.Refusal is { } refusal
            ? refusal
            : upload.Value.Find(SslFile.CaChain) is { } file
                ? Act<UploadedFile>.Done(file)
                : Refusal.Invalid("No file was sent.", [new Finding("file.missing", FindingSeverity.Error, "The upload has no part named file.") { File = label }]);
    }

    /// <summary>Reads the parts privateKey, serverCertificate, caChain and passphrase, in any order; a part that is left out stays empty.</summary>
    public static Task<Act<UploadedFiles>> ReadAllAsync(HttpRequest request, CancellationToken cancellationToken) => ReadAsync(
        request,
        name => PartNames.TryGetValue(name, out var slot) ? slot : null,
        UploadLimit.Of,
        takesPassphrase: true,
        PartNames.Values.Sum(MaximumSize) + Overhead,
        cancellationToken);

    private static async Task<Act<UploadedFiles>> ReadAsync(HttpRequest request, Func<string, SslFile?> slotOf, Func<SslFile, UploadLimit> limitOf, bool takesPassphrase, int maximumBody, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).ToString() is not { Length: > 0 and <= 70 } boundary)
        {
            return Problem.ForStatus(StatusCodes.Status415UnsupportedMediaType) with { Detail = "Upload the files as multipart/form-data." };
        }

        if (request.ContentLength > maximumBody + (takesPassphrase ? MaximumPassphrase : 0))
        {
            return TooLarge("The upload is larger than its files may be.");
        }

        var files = new UploadedFiles();
        try
        {
            if (await ReadPartsAsync(new MultipartReader(boundary, request.Body), slotOf, limitOf, takesPassphrase, files, cancellationToken) is { } refusal)
            {
                files.Dispose();
                return refusal;
            }

            return Act<UploadedFiles>.Done(files);
        }
        catch (Exception e)
        {
            files.Dispose();
            if (e is InvalidDataException || (e is IOException and not BadHttpRequestException && !cancellationToken.IsCancellationRequested))
            {
                // The reader's word for a body that ends before its last boundary, or whose part headers are no headers.
                return new Refusal(400, "upload-incomplete", "The upload ends early or is no valid multipart body. Nothing was stored.");
            }

            throw;
        }
    }

    private static async Task<Refusal?> ReadPartsAsync(MultipartReader reader, Func<string, SslFile?> slotOf, Func<SslFile, UploadLimit> limitOf, bool takesPassphrase, UploadedFiles files, CancellationToken cancellationToken)
    {
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            var part = ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition) ? HeaderUtilities.RemoveQuotes(disposition.Name).ToString() : "";
            if (takesPassphrase && part == PassphrasePart)
            {
                if (await ReadPassphraseAsync(section.Body, files, cancellationToken) is { } refused)
                {
                    return refused;
                }

                continue;
            }

            if (disposition is null || slotOf(part) is not { } slot)
            {
                return Refusal.Invalid("The upload has a part that is not known here.", [Findings.Error("upload.part", "file", "Each part is a form file with one of the documented names.")]);
            }

            var name = disposition.FileNameStar.HasValue ? disposition.FileNameStar : HeaderUtilities.RemoveQuotes(disposition.FileName);
            var limit = limitOf(slot);
            if (await ReadFileAsync(section.Body, limit.Bytes, Label(name.ToString()), cancellationToken) is not { } file)
            {
                return TooLarge($"The file for {limit.Name} is larger than {limit.Bytes / 1024} KiB.");
            }

            if (!files.TryAdd(slot, file))
            {
                file.Dispose();
                return Refusal.Invalid("A file was sent twice.", [new Finding("upload.duplicate", FindingSeverity.Error, "This file was sent twice.") { File = limit.Name }]);
            }
        }

        return null;
    }

    private static async Task<Refusal?> ReadPassphraseAsync(Stream body, UploadedFiles files, CancellationToken cancellationToken)
    {
        using var read = await ReadFileAsync(body, MaximumPassphrase, PassphrasePart, cancellationToken);
        if (read is null)
        {
            return TooLarge("The passphrase is longer than any passphrase.");
        }

        var passphrase = read.Content.IsEmpty ? null : new ClearSecret(read.Content.Length);
        read.Content.CopyTo(passphrase is null ? default : passphrase.Bytes);
        if (files.TryAdd(passphrase))
        {
            return null;
        }

        passphrase?.Dispose();
        return Refusal.Invalid("The passphrase was sent twice.", [Findings.Error("upload.duplicate", PassphrasePart, "The passphrase was sent twice.")]);
    }

    /// <summary>Null when the file is too large.</summary>
    private static async Task<UploadedFile?> ReadFileAsync(Stream body, int maximum, string label, CancellationToken cancellationToken)
    {
        var buffer = new PinnedBuffer(maximum + 1);
        try
        {
            var length = 0;
            while (length <= maximum)
            {
                var read = await body.ReadAsync(buffer.Memory[length..], cancellationToken);
                if (read == 0)
                {
                    return new UploadedFile(buffer.Keep(length), length, label);
                }

                length += read;
            }

            return null;
        }
        finally
        {
            buffer.Dispose();
        }
    }

    /// <summary>A file name is a label: without control characters, at most 255 characters, never a path.</summary>
    internal static string Label(string fileName)
    {
        var shown = string.Concat(fileName.Select(c => char.IsControl(c) ? '\uFFFD' : c));
        return shown.Length <= MaximumFileName ? shown : shown[..MaximumFileName];
    }

    private static Refusal TooLarge(string detail) => new(StatusCodes.Status413PayloadTooLarge, "upload-too-large", detail);

    /// <summary>How large a file may be, and what findings call it.</summary>
    private readonly record struct UploadLimit(string Name, int Bytes)
    {
        public static UploadLimit Of(SslFile slot) => new(NameOf(slot), MaximumSize(slot));
    }

    /// <summary>Where a part is read to; a secret's span cannot be filled across an await.</summary>
    private sealed class PinnedBuffer(int size) : IDisposable
    {
        private readonly byte[] _bytes = GC.AllocateArray<byte>(size, pinned: true);

        public Memory<byte> Memory => _bytes;

        public ClearSecret Keep(int length)
        {
            // One byte at least, so that an empty file is not taken for a missing one.
            var secret = new ClearSecret(Math.Max(1, length));
            _bytes.AsSpan(0, length).CopyTo(secret.Bytes);
            return secret;
        }

        public void Dispose() => System.Security.Cryptography.CryptographicOperations.ZeroMemory(_bytes);
    }
}
