using System.Runtime.CompilerServices;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Stores;

namespace Chariot.Admin.Backup;

/// <summary>All credentials of the store, page by page.</summary>
internal static class StoredCredentials
{
    public static async IAsyncEnumerable<CredentialRecord> ReadAsync(IGrainStateIndex index, int pageSize, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? after = null;
        while (true)
        {
            var rows = await index.ReadAsync<CredentialRecord?>(StateNames.Credential, after, pageSize, cancellationToken: cancellationToken);
            foreach (var (_, record) in rows)
            {
                // A deleted credential may leave an empty state behind.
                if (record is { Username.Length: > 0 })
                {
                    yield return record;
                }
            }

            if (rows.Count < pageSize)
            {
                yield break;
            }

            after = rows[^1].Key;
        }
    }
}
