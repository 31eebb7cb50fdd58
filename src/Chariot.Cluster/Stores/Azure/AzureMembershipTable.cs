using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Orleans.Runtime;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// Orleans' membership as one JSON blob per cluster: rows and version are read and written together, which is what the protocol
/// asks for. Rows and version have ETags of their own inside the document, so that a sign of life, which changes the blob but
/// no version, fails nobody's update: only the blob's own conflict is repeated.
/// </summary>
internal sealed class AzureMembershipTable(AzureAccount account) : IMembershipTable
{
    private readonly BlobClient _blob = account.State.GetBlobClient("membership.json");

    /// <inheritdoc/>
    public async Task InitializeMembershipTable(bool tryInitTableVersion)
    {
        if (!tryInitTableVersion)
        {
            return;
        }

        try
        {
            await _blob.UploadAsync(Serialize(new MembershipDocument()), new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } });
        }
        catch (RequestFailedException error) when (AzureFailure.IsConflict(error))
        {
            // Somebody has made it.
            return;
        }
    }

    /// <inheritdoc/>
    public Task DeleteMembershipTableEntries(string clusterId) => _blob.DeleteIfExistsAsync();

    /// <inheritdoc/>
    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => ChangeAsync(document =>
    {
        var kept = document.Rows.Where(row => row.Status == SiloStatus.Active || row.IAmAliveTime >= beforeDate.UtcDateTime).ToList();
        if (kept.Count == document.Rows.Count)
        {
            return false;
        }

        document.Rows = kept;
        return true;
    });

    /// <inheritdoc/>
    public async Task<MembershipTableData> ReadRow(SiloAddress key)
    {
        var document = (await ReadAsync()).Document;
        return new([.. document.Rows.Where(row => row.Address == key.ToParsableString()).Select(static row => row.ToTuple())], document.TableVersion);
    }

    /// <inheritdoc/>
    public async Task<MembershipTableData> ReadAll()
    {
        var document = (await ReadAsync()).Document;
        return new([.. document.Rows.Select(static row => row.ToTuple())], document.TableVersion);
    }

    /// <inheritdoc/>
    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => ChangeAsync(document =>
    {
        var row = MembershipRow.From(entry);
        if (document.VersionTag != tableVersion.VersionEtag || document.Rows.Any(other => other.Address == row.Address))
        {
            return false;
        }

        row.Tag = document.NextTag();
        document.Rows.Add(row);
        document.SetVersion(tableVersion.Version);
        return true;
    });

    /// <inheritdoc/>
    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => ChangeAsync(document =>
    {
        var row = MembershipRow.From(entry);
        var index = document.Rows.FindIndex(other => other.Address == row.Address);
        if (document.VersionTag != tableVersion.VersionEtag || index < 0 || document.Rows[index].Tag != etag)
        {
            return false;
        }

        row.Tag = document.NextTag();
        document.Rows[index] = row;
        document.SetVersion(tableVersion.Version);
        return true;
    });

    /// <inheritdoc/>
    public async Task UpdateIAmAlive(MembershipEntry entry)
    {
        var address = entry.SiloAddress.ToParsableString();
        var found = await ChangeAsync(document =>
        {
            if (document.Rows.Find(row => row.Address == address) is not { } row)
            {
                return false;
            }

            row.IAmAliveTime = entry.IAmAliveTime;
            return true;
        });
        if (!found)
        {
            throw new OrleansException($"Silo {address} has no row in the membership table.");
        }
    }

    /// <summary>Silos that take clients, for a process that is none.</summary>
    public async Task<IList<Uri>> GetGatewaysAsync() =>
        [.. (await ReadAsync()).Document.Rows.Where(static row => row is { Status: SiloStatus.Active, ProxyPort: > 0 }).Select(static row => row.ToGatewayUri())];

    private static BinaryData Serialize(MembershipDocument document) => new(JsonSerializer.SerializeToUtf8Bytes(document));

    private async Task<(MembershipDocument Document, ETag? BlobTag)> ReadAsync()
    {
        try
        {
            var blob = (await _blob.DownloadContentAsync()).Value;
            return (blob.Content.ToObjectFromJson<MembershipDocument>()!, blob.Details.ETag);
        }
        catch (RequestFailedException error) when (error.Status == AzureFailure.NotFound)
        {
            return (new MembershipDocument(), null);
        }
    }

    /// <summary>Reads, changes and writes; again when another silo has written in between. False when there is nothing to write.</summary>
    private async Task<bool> ChangeAsync(Func<MembershipDocument, bool> change)
    {
        while (true)
        {
            var (document, tag) = await ReadAsync();
            if (!change(document))
            {
                return false;
            }

            try
            {
                var conditions = tag is { } known ? new BlobRequestConditions { IfMatch = known } : new BlobRequestConditions { IfNoneMatch = ETag.All };
                await _blob.UploadAsync(Serialize(document), new BlobUploadOptions { Conditions = conditions });
                return true;
            }
            catch (RequestFailedException error) when (AzureFailure.IsConflict(error))
            {
                await Task.Delay(Random.Shared.Next(1, 20));
            }
        }
    }
}
