using Chariot.Abstractions.Configuration;
using Chariot.Admin.Audit;
using Chariot.Admin.Ssl;
using Chariot.Admin.Ssl.Validation;

namespace Chariot.Admin.ClientCertificates;

/// <summary>
/// Reads and changes which client certificates are accepted. Each change is made to the trust that was read and is refused by the
/// grain when another one came first; it is then made again on top of that, unless the caller named a revision.
/// </summary>
internal sealed class ClientTrustAdministration(AdminGrains grains, AuditTrail audit, AuthorityFile authorityFile, RevocationListFile listFile, TimeProvider time)
{
    private const int Attempts = 5;
    private const int MaximumLists = 100;

    public async Task<ClientTrust> GetAsync() => await grains.Configuration.GetClientTrustAsync();

    /// <summary>Replaces the client CA file. Revocation lists stay, those of CAs that are gone included.</summary>
    public async Task<Act<ClientTrust>> PutAuthoritiesAsync(UploadedFile file, long? expectedRevision, Actor actor)
    {
        var inspection = authorityFile.Inspect(file.Content);
        if (inspection.HasErrors)
        {
            return Refusal.Invalid("The client CA file is refused.", inspection.Findings);
        }

        var authorities = new ClientAuthorities
        {
            Certificates = [.. inspection.Certificates.Select(certificate => certificate.Der)],
            Details = [.. inspection.Certificates.Select(certificate => certificate.ToDetails())],
            File = new SslFileLabel(file.FileName, time.GetUtcNow()),
            Findings = inspection.Findings,
        };
        return await ChangeAsync(actor, "client-ca.put", "client-ca", expectedRevision, Show, trust => Act<ClientTrust>.Done(trust with { Authorities = authorities }));

        static object? Show(ClientTrust trust) => trust.Authorities?.Details.Select(details => new { details.Subject, details.Sha256Fingerprint });
    }

    /// <summary>No client certificate is accepted from then on. Nothing to do is not an error.</summary>
    public Task<Act<ClientTrust>> DeleteAuthoritiesAsync(long? expectedRevision, Actor actor) => ChangeAsync(
        actor, "client-ca.delete", "client-ca", expectedRevision,
        trust => trust.Authorities?.Details.Select(details => new { details.Subject, details.Sha256Fingerprint }),
        trust => Act<ClientTrust>.Done(trust with { Authorities = null }));

    /// <param name="issuer">SHA-256 of the CA certificate, or of one that the list in force was uploaded for.</param>
    /// <returns>Null when there is none.</returns>
    public static RevocationList? FindList(ClientTrust trust, string issuer)
    {
        var key = AuthorityBy(trust, issuer) is { } authority && RevocationListFile.ParseAuthority(authority, new FindingList()) is { } parsed
            ? RevocationListFile.KeySha256(parsed)
            : null;
        return trust.RevocationLists.FirstOrDefault(list => list.IssuerKeySha256 == key || list.IssuerSha256 == issuer);
    }

    public Task<Act<ClientTrust>> PutListAsync(string issuer, UploadedFile file, long? expectedRevision, Actor actor)
    {
        var label = new SslFileLabel(file.FileName, time.GetUtcNow());
        return ChangeAsync(actor, "client-ca.crl.put", issuer, expectedRevision, trust => Show(FindList(trust, issuer)), trust =>
        {
            if (AuthorityBy(trust, issuer) is not { } authority)
            {
                return Refusal.NotFound("No CA of the client CA file has this SHA-256; GET /api/v1/client-ca shows them.");
            }

            var inForce = FindList(trust, issuer);
            var inspection = listFile.Inspect(file.Content, label, authority, inForce);
            if (inspection.List is not { } list)
            {
                return Refusal.Invalid("The revocation list is refused.", inspection.Findings);
            }

            var lists = trust.RevocationLists.RemoveAll(one => one.IssuerKeySha256 == list.IssuerKeySha256).Add(list);
            return lists.Length > MaximumLists || lists.Sum(one => (long)one.Serials.Length) > ClientTrust.MaximumRevocationBytes
                ? Refusal.Invalid("The revocation list is refused.", [TooMany])
                : Act<ClientTrust>.Done(trust with { RevocationLists = lists });
        });
    }

    public Task<Act<ClientTrust>> DeleteListAsync(string issuer, long? expectedRevision, Actor actor) => ChangeAsync(
        actor, "client-ca.crl.delete", issuer, expectedRevision, trust => Show(FindList(trust, issuer)),
        trust => FindList(trust, issuer) is { } list
            ? Act<ClientTrust>.Done(trust with { RevocationLists = trust.RevocationLists.Remove(list) })
            : Refusal.NotFound("There is no revocation list of this CA."));

    /// <summary>Adds serial numbers to the list by hand; those that are on it stay.</summary>
    public Task<Act<ClientTrust>> RevokeAsync(IReadOnlyList<byte[]> serials, long? expectedRevision, Actor actor) => ChangeAsync(
        actor, "client-ca.revoke", Label(serials), expectedRevision, trust => new { Count = SerialNumbers.Count(trust.RevokedSerials) }, trust =>
        {
            var revoked = SerialNumbers.Pack(SerialNumbers.Unpack(trust.RevokedSerials).Concat(serials));
            return SerialNumbers.Count(revoked) > ClientTrust.MaximumRevokedSerials
                ? Refusal.Invalid(
                    "The list of revoked serial numbers is full.",
                    [Findings.Error("revoked.too-many", "serialNumbers", $"At most {ClientTrust.MaximumRevokedSerials} serial numbers can be revoked by hand; let the CA issue a revocation list.")])
                : Act<ClientTrust>.Done(trust with { RevokedSerials = revoked });
        });

    public Task<Act<ClientTrust>> TakeBackAsync(byte[] serial, long? expectedRevision, Actor actor) => ChangeAsync(
        actor, "client-ca.unrevoke", Label([serial]), expectedRevision, trust => new { Count = SerialNumbers.Count(trust.RevokedSerials) },
        trust => SerialNumbers.Contains(trust.RevokedSerials, serial)
            ? Act<ClientTrust>.Done(trust with { RevokedSerials = SerialNumbers.Pack(SerialNumbers.Unpack(trust.RevokedSerials).Where(one => !one.AsSpan().SequenceEqual(serial))) })
            : Refusal.NotFound("This serial number is not on the list."));

    public async Task<Act<ClientTrust>> SetMappingsAsync(IReadOnlyList<MappingRequest?> requests, long? expectedRevision, Actor actor)
    {
        var rules = new MappingRules();
        var mappings = rules.Read(requests);
        var known = (await GetAsync()).Mappings.Select(mapping => mapping.Username).ToHashSet(StringComparer.Ordinal);
        for (var i = 0; i < mappings.Length && rules.MayGoOn; i++)
        {
            if (known.Add(mappings[i].Username) && await grains.Credential(mappings[i].Username).GetAsync() is null)
            {
                known.Remove(mappings[i].Username);
                rules.UnknownUser(i);
            }
        }

        if (!rules.Findings.IsEmpty)
        {
            return Refusal.Invalid("The mapping is refused.", rules.Findings);
        }

        return await ChangeAsync(actor, "client-certificates.mapping", "mapping", expectedRevision, Show, trust => Act<ClientTrust>.Done(trust with { Mappings = mappings }));

        static object Show(ClientTrust trust) => new { trust.Mappings.Length, First = trust.Mappings.Take(100).Select(MappingRequest.From) };
    }

    private static Finding TooMany { get; } = new("crl.too-many", FindingSeverity.Error, $"At most {MaximumLists} revocation lists are kept, with {ClientTrust.MaximumRevocationBytes / SerialNumbers.SlotSize} entries together.")
    {
        File = RevocationListFile.Name,
        Remedy = "Delete the lists of CAs that are no longer used.",
    };

    private static byte[]? AuthorityBy(ClientTrust trust, string sha256)
    {
        var index = trust.Authorities?.Details.ToList().FindIndex(details => details.Sha256Fingerprint == sha256) ?? -1;
        return index < 0 ? null : trust.Authorities!.Certificates[index];
    }

    private static object? Show(RevocationList? list) => list is null ? null : new { list.Issuer, list.Number, list.ThisUpdate, Entries = SerialNumbers.Count(list.Serials), list.Sha256 };

    private static string Label(IReadOnlyList<byte[]> serials) => serials.Count == 1 ? SerialNumbers.Format(serials[0]) : $"{serials.Count} serial numbers";

    /// <param name="show">What the audit log is to hold of the trust before and after.</param>
    /// <param name="edit">The change; it may run more than once.</param>
    private async Task<Act<ClientTrust>> ChangeAsync(Actor actor, string action, string target, long? expectedRevision, Func<ClientTrust, object?> show, Func<ClientTrust, Act<ClientTrust>> edit)
    {
        var current = await GetAsync();
        var edited = Edit(current);
        if (edited.Refusal is not null)
        {
            return edited;
        }

        return await audit.RecordAsync<ClientTrust>(actor, action, target, show(current), show(edited.Value), async () =>
        {
            for (var attempt = 1; ; attempt++)
            {
                var result = await grains.Configuration.SetClientTrustAsync(edited.Value, current.Revision);
                if (result.Outcome == ChangeOutcome.Applied)
                {
                    return Act<ClientTrust>.Done(edited.Value with { Revision = result.Revision }, result.Nodes);
                }

                if (result.Outcome != ChangeOutcome.RevisionConflict || attempt == Attempts)
                {
                    return result.Outcome == ChangeOutcome.UnknownCredential ? Refusal.Invalid("The mapping is refused.", [MappingRules.GoneUser]) : Refusal.From(result, "client trust");
                }

                current = await GetAsync();
                edited = Edit(current);
                if (edited.Refusal is not null)
                {
                    return edited;
                }
            }
        });

        Act<ClientTrust> Edit(ClientTrust trust) => expectedRevision is { } expected && expected != trust.Revision ? Refusal.Stale : edit(trust);
    }
}
