using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Storage.Blobs.Models;
using Orleans.Runtime;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// Orleans' grain storage on block blobs, one per (state name, grain key), with the blob's ETag. The semantics are those of
/// Microsoft.Orleans.Persistence.AzureStorage, which can take its place (docs/adr/0012).
/// </summary>
internal sealed class AzureGrainStorage(AzureAccount account, IGrainStorageSerializer serializer, IActivatorProvider activators) : IGrainStorage
{
    // A blob name has at most 1,024 characters.
    private const int MostKeyBytesInName = 400;

    /// <inheritdoc/>
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        try
        {
            var blob = (await account.State.GetBlobClient(BlobName(stateName, grainId.Key.ToString()!)).DownloadContentAsync()).Value;
            grainState.State = serializer.Deserialize<T>(Unwrap(blob.Content).Data);
            grainState.ETag = blob.Details.ETag.ToString();
            grainState.RecordExists = true;
        }
        catch (RequestFailedException error) when (error.Status == AzureFailure.NotFound)
        {
            Reset(grainState);
        }
    }

    /// <inheritdoc/>
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = grainId.Key.ToString()!;
        var conditions = grainState.ETag is { } etag ? new BlobRequestConditions { IfMatch = new ETag(etag) } : new BlobRequestConditions { IfNoneMatch = ETag.All };
        try
        {
            var written = await account.State.GetBlobClient(BlobName(stateName, key))
                .UploadAsync(Wrap(key, serializer.Serialize(grainState.State)), new BlobUploadOptions { Conditions = conditions });
            grainState.ETag = written.Value.ETag.ToString();
            grainState.RecordExists = true;
        }
        catch (RequestFailedException error) when (AzureFailure.IsConflict(error) || error.Status == AzureFailure.NotFound)
        {
            throw Inconsistent(stateName, grainId, grainState.ETag, error);
        }
    }

    /// <inheritdoc/>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var blob = account.State.GetBlobClient(BlobName(stateName, grainId.Key.ToString()!));
        try
        {
            if (grainState.ETag is { } etag)
            {
                await blob.DeleteAsync(conditions: new BlobRequestConditions { IfMatch = new ETag(etag) });
            }
            else if (await blob.ExistsAsync())
            {
                throw Inconsistent(stateName, grainId, null, null);
            }
        }
        catch (RequestFailedException error) when (AzureFailure.IsConflict(error) || error.Status == AzureFailure.NotFound)
        {
            throw Inconsistent(stateName, grainId, grainState.ETag, error);
        }

        Reset(grainState);
    }

    /// <summary>
    /// The key's UTF-8 in hex, so that names sort as keys do and begin as keys begin. Of a long key the beginning and a hash; then
    /// the blob holds the key.
    /// </summary>
    public static string BlobName(string stateName, string key)
    {
        var utf8 = Encoding.UTF8.GetBytes(key);
        return Prefix(stateName) + (utf8.Length <= MostKeyBytesInName
            ? Convert.ToHexStringLower(utf8)
            : $"{Convert.ToHexStringLower(utf8.AsSpan(0, MostKeyBytesInName))}~{Convert.ToHexStringLower(SHA256.HashData(utf8))}");
    }

    /// <summary>Beginning of the names of all keys that begin with <paramref name="keyPrefix"/>, and of few others.</summary>
    public static string NamePrefix(string stateName, string? keyPrefix)
    {
        var utf8 = Encoding.UTF8.GetBytes(keyPrefix ?? "");
        return Prefix(stateName) + Convert.ToHexStringLower(utf8.AsSpan(0, Math.Min(utf8.Length, MostKeyBytesInName)));
    }

    /// <summary>The blob: length of the key, the key, the state.</summary>
    public static (string Key, BinaryData Data) Unwrap(BinaryData content)
    {
        var bytes = content.ToMemory();
        var length = BitConverter.ToInt32(bytes.Span);
        return (Encoding.UTF8.GetString(bytes.Span.Slice(sizeof(int), length)), new BinaryData(bytes[(sizeof(int) + length)..]));
    }

    private static BinaryData Wrap(string key, BinaryData state)
    {
        var utf8 = Encoding.UTF8.GetBytes(key);
        return new BinaryData((byte[])[.. BitConverter.GetBytes(utf8.Length), .. utf8, .. state.ToMemory().Span]);
    }

    private static string Prefix(string stateName) => $"state/{stateName}/";

    private void Reset<T>(IGrainState<T> grainState)
    {
        grainState.State = activators.GetActivator<T>().Create();
        grainState.ETag = null!;
        grainState.RecordExists = false;
    }

    private static InconsistentStateException Inconsistent(string stateName, GrainId grainId, string? etag, Exception? cause) => new(
        $"State '{stateName}' of grain '{grainId.Key}' has been written by another activation since it was read.", "unknown", etag ?? "none", cause!);
}
