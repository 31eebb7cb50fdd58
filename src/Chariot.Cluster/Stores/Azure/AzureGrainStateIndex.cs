using Azure;
using Azure.Storage.Blobs.Models;
using Chariot.Abstractions.Stores;
using Orleans.Storage;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// Bulk reads over the blobs of <see cref="AzureGrainStorage"/>: a listing, and the blobs side by side. A listing can be
/// continued only where it ended, so the place after the last pages is remembered; any other place is found by listing up to it.
/// Keys of more than 400 bytes that begin alike come in an order of their own.
/// </summary>
internal sealed class AzureGrainStateIndex(AzureAccount account, IGrainStorageSerializer serializer) : IGrainStateIndex
{
    private const int Parallel = 16;
    private const int RememberedPlaces = 64;
    private const int MostPerListing = 5000;
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Prefix, string After), string> _places = [];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<KeyValuePair<string, T>>> ReadAsync<T>(string stateName, string? afterKey, int limit, string? prefix = null, CancellationToken cancellationToken = default)
    {
        if (limit <= 0)
        {
            return [];
        }

        var namePrefix = AzureGrainStorage.NamePrefix(stateName, prefix);
        var after = afterKey is null ? "" : AzureGrainStorage.BlobName(stateName, afterKey);
        var found = new List<KeyValuePair<string, T>>();
        while (found.Count < limit)
        {
            var (names, place) = await ListAsync(namePrefix, after, limit - found.Count, cancellationToken);
            if (names.Count == 0)
            {
                break;
            }

            // A blob that was cleared meanwhile is no row; nor is one whose long key only begins like the prefix.
            found.AddRange((await ReadAsync<T>(names, cancellationToken)).Where(row => row.Key.StartsWith(prefix ?? "", StringComparison.Ordinal)));
            after = names[^1];
            Remember(namePrefix, after, place);
            if (place is null)
            {
                break;
            }
        }

        return found;
    }

    private async Task<(List<string> Names, string? Place)> ListAsync(string namePrefix, string after, int limit, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        var place = Recall(namePrefix, after);
        var pages = account.State.GetBlobsAsync(new GetBlobsOptions { Prefix = namePrefix }, cancellationToken).AsPages(place, Math.Min(limit, MostPerListing));
        await foreach (var page in pages.WithCancellation(cancellationToken))
        {
            names.AddRange(page.Values.Select(static blob => blob.Name).Where(name => string.CompareOrdinal(name, after) > 0));
            place = string.IsNullOrEmpty(page.ContinuationToken) ? null : page.ContinuationToken;
            if (names.Count > 0)
            {
                break;
            }
        }

        return (names, place);
    }

    private async Task<KeyValuePair<string, T>[]> ReadAsync<T>(List<string> names, CancellationToken cancellationToken)
    {
        var rows = new KeyValuePair<string, T>?[names.Count];
        await System.Threading.Tasks.Parallel.ForEachAsync(
            Enumerable.Range(0, names.Count),
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (index, token) =>
            {
                try
                {
                    var (key, data) = AzureGrainStorage.Unwrap((await account.State.GetBlobClient(names[index]).DownloadContentAsync(token)).Value.Content);
                    rows[index] = KeyValuePair.Create(key, serializer.Deserialize<T>(data)!);
                }
                catch (RequestFailedException error) when (error.Status == AzureFailure.NotFound)
                {
                    rows[index] = null;
                }
            });
        return [.. rows.Where(static row => row is not null).Select(static row => row!.Value)];
    }

    private string? Recall(string namePrefix, string after)
    {
        lock (_gate)
        {
            return _places.GetValueOrDefault((namePrefix, after));
        }
    }

    private void Remember(string namePrefix, string after, string? place)
    {
        lock (_gate)
        {
            if (_places.Count >= RememberedPlaces)
            {
                _places.Clear();
            }

            if (place is not null)
            {
                _places[(namePrefix, after)] = place;
            }
        }
    }
}
