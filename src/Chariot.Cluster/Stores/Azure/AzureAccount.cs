using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Core;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>The containers and tables of one cluster in a storage account; their names carry the cluster's id.</summary>
internal sealed class AzureAccount
{
    private const int MaxRetries = 3;

    private AzureAccount(string connectionString, string clusterId)
    {
        var blobOptions = new BlobClientOptions();
        Bound(blobOptions.Retry);
        var blobs = new BlobServiceClient(connectionString, blobOptions);
        var tableOptions = new TableClientOptions();
        Bound(tableOptions.Retry);
        var tables = new TableServiceClient(connectionString, tableOptions);

        // Names are narrow: lower-case letters and digits. The hash keeps ids apart that differ in the rest.
        var letters = new string([.. clusterId.ToLowerInvariant().Where(char.IsAsciiLetterOrDigit).Take(20)]);
        var name = "chariot" + letters + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(clusterId)).AsSpan(0, 4));
        State = blobs.GetBlobContainerClient(name + "-state");
        Content = blobs.GetBlobContainerClient(name + "-content");
        Sessions = tables.GetTableClient(name + "sessions");
        Retained = tables.GetTableClient(name + "retained");
        Records = tables.GetTableClient(name + "records");
    }

    /// <summary>Grain state, one blob each, and the membership document.</summary>
    public BlobContainerClient State { get; }

    /// <summary>Content of messages that are too large for a table row.</summary>
    public BlobContainerClient Content { get; }

    /// <summary>A partition per session: its queue, its inbound packet ids and its fence.</summary>
    public TableClient Sessions { get; }

    public TableClient Retained { get; }

    /// <summary>The audit log and counters.</summary>
    public TableClient Records { get; }

    /// <summary>Makes what is missing.</summary>
    public static async Task<AzureAccount> OpenAsync(string connectionString, string clusterId, CancellationToken cancellationToken)
    {
        var account = new AzureAccount(connectionString, clusterId);
        foreach (var container in new[] { account.State, account.Content })
        {
            await container.CreateIfNotExistsAsync(PublicAccessType.None, cancellationToken: cancellationToken);
        }

        foreach (var table in new[] { account.Sessions, account.Retained, account.Records })
        {
            await table.CreateIfNotExistsAsync(cancellationToken);
        }

        return account;
    }

    /// <summary>Rises by one with each call, over all processes.</summary>
    public async Task<long> NextProcessStartAsync(CancellationToken cancellationToken)
    {
        const string Partition = "counter";
        const string Row = "process-start";
        const string Value = "value";
        while (true)
        {
            var found = await Records.GetEntityIfExistsAsync<TableEntity>(Partition, Row, cancellationToken: cancellationToken);
            try
            {
                if (!found.HasValue)
                {
                    await Records.AddEntityAsync(new TableEntity(Partition, Row) { [Value] = 1L }, cancellationToken);
                    return 1;
                }

                var next = found.Value!.GetInt64(Value)!.Value + 1;
                await Records.UpdateEntityAsync(new TableEntity(Partition, Row) { [Value] = next }, found.Value.ETag, TableUpdateMode.Replace, cancellationToken);
                return next;
            }
            catch (RequestFailedException error) when (AzureFailure.IsConflict(error))
            {
                // Another process was first; the next number then.
                continue;
            }
        }
    }

    /// <summary>A number as a row key: sixteen hex digits that sort as the numbers do, negative ones too.</summary>
    public static string Key(long number) => ((ulong)number ^ (1UL << 63)).ToString("X16", CultureInfo.InvariantCulture);

    /// <inheritdoc cref="Key"/>
    public static long Number(ReadOnlySpan<char> key) => (long)(ulong.Parse(key, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) ^ (1UL << 63));

    // Longer waits are the callers': the writer keeps its group and tries again.
    private static void Bound(RetryOptions retry)
    {
        retry.MaxRetries = MaxRetries;
        retry.Delay = TimeSpan.FromMilliseconds(100);
        retry.MaxDelay = TimeSpan.FromSeconds(1);
        retry.NetworkTimeout = TimeSpan.FromSeconds(10);
    }
}
