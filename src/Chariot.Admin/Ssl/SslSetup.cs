using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Audit;
using Chariot.Admin.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Ssl;

/// <summary>A file just staged.</summary>
internal sealed record StagedFile(SslFile Slot, StagedSslFile Staged);

/// <summary>
/// Stages, validates, sets up, replaces and deletes the certificate. The private key is clear in this process's memory only,
/// between upload and sealing; every buffer that held it is wiped.
/// </summary>
internal sealed partial class SslSetup(
    AdminGrains grains,
    ICertificateBundleValidator validator,
    ISecretSealer sealer,
    NodeDirectory nodes,
    AuditTrail audit,
    IOptions<AdminOptions> options,
    TimeProvider time,
    ILogger<SslSetup> logger,
    IOcspStatus? ocsp = null,
    ISslFence? fence = null)
{
    public static readonly TimeSpan StagedFor = TimeSpan.FromMinutes(15);

    private static readonly ImmutableArray<SslFile> Slots = [SslFile.PrivateKey, SslFile.ServerCertificate, SslFile.CaChain];

    private const string NotOpened = "The staged files were sealed under another master key. Upload them again, and give every node the same Chariot:MasterKeyFile.";

    private static readonly Finding OverHttp = new("key.over-http", FindingSeverity.Warning, "The private key came over plain HTTP from another host.")
    {
        File = SslUpload.NameOf(SslFile.PrivateKey),
        Remedy = "Whoever listened has it. Set SSL up, then replace key and certificate over HTTPS.",
    };

    public async Task<SslStatus> GetStatusAsync()
    {
        var configuration = await grains.Configuration.GetAsync();
        var staged = await grains.Configuration.GetStagedAsync();
        var status = Status(configuration, staged, [.. (await nodes.DescribeAsync()).Select(SslNode.From)]);
        Finding?[] now = [HeldBackFinding.From(fence, configuration.Ssl), OcspFinding.From(ocsp?.Current, configuration.Ssl)];
        return status with { Findings = [.. status.Findings, .. now.OfType<Finding>()] };
    }

    /// <param name="exposed">Whether the upload came over plain HTTP from another host.</param>
    /// <param name="passphrase">Of an encrypted private key, which is staged decrypted: the passphrase is forgotten with the request.</param>
    public async Task<Act<StagedFile>> StageAsync(SslFile slot, UploadedFile file, bool exposed, Actor actor, ClearSecret? passphrase = null)
    {
        if (RefuseExposed(slot == SslFile.PrivateKey && exposed) is { } refusal)
        {
            return refusal;
        }

        using var inspection = validator.InspectFile(slot, file.Content, passphrase);
        if (inspection.HasErrors)
        {
            return Refusal.InvalidTls($"The file for {SslUpload.NameOf(slot)} is refused.", inspection.Findings);
        }

        var now = time.GetUtcNow();
        var staged = new StagedSslFile(
            sealer.Seal(inspection.Decrypted is { } decrypted ? decrypted.Bytes : file.Content, AssociatedData(slot)),
            new SslFileLabel(file.FileName, now),
            slot == SslFile.PrivateKey && exposed ? inspection.Findings.Add(OverHttp) : inspection.Findings,
            inspection.Recognised,
            now + StagedFor);
        return await audit.RecordAsync<StagedFile>(
            actor, "ssl.stage", SslUpload.NameOf(slot), null, new { file.FileName, inspection.Recognised, OverHttp = exposed }, async () =>
            {
                await grains.Configuration.StageAsync(slot, staged);
                return Act<StagedFile>.Done(new StagedFile(slot, staged));
            });
    }

    public Task<Act<bool>> UnstageAsync(SslFile slot, Actor actor) => audit.RecordAsync<bool>(actor, "ssl.unstage", SslUpload.NameOf(slot), null, null, async () =>
    {
        await grains.Configuration.StageAsync(slot, null);
        return Act<bool>.Done(true);
    });

    /// <summary>The set-ups that were, newest first.</summary>
    public async Task<IReadOnlyList<SslSetupRecord>> GetHistoryAsync() => [.. (await grains.Configuration.GetSslHistoryAsync()).Reverse()];

    /// <summary>Validates without storing anything; without a key among the files, against the key that waits for its certificate.</summary>
    public async Task<Act<ImmutableArray<Finding>>> ValidateAsync(UploadedFiles files, bool exposed)
    {
        exposed &= files.Find(SslFile.PrivateKey) is not null;
        try
        {
            await AddGeneratedKeyAsync(files);
        }
        catch (CryptographicException e)
        {
            LogNotOpened(e);
            return new Refusal(409, "staged-unreadable", NotOpened);
        }

        using var bundle = validator.InspectBundle(files.Content(SslFile.PrivateKey), files.Content(SslFile.ServerCertificate), files.Content(SslFile.CaChain), files.Passphrase);
        return Act<ImmutableArray<Finding>>.Done(await WithPlaceAsync(WithExposure(bundle.Findings, exposed), bundle));
    }

    /// <summary>What there is to say of the staged files together, before they are set up. Changes nothing.</summary>
    public async Task<Act<ImmutableArray<Finding>>> CheckStagedAsync()
    {
        var staged = await grains.Configuration.GetStagedAsync();
        var opened = OpenAll(staged);
        if (opened.Refusal is { } refusal)
        {
            return refusal;
        }

        using var files = opened.Value;
        using var bundle = validator.InspectBundle(files.Content(SslFile.PrivateKey), files.Content(SslFile.ServerCertificate), files.Content(SslFile.CaChain), files.Passphrase);
        return Act<ImmutableArray<Finding>>.Done(WithExposure(bundle.Findings, WasExposed(staged)));
    }

    /// <summary>Sets up from the staged files; over an existing set-up only with <paramref name="replace"/>, in place.</summary>
    public async Task<Act<SslStatus>> SetupStagedAsync(bool replace, long? expectedRevision, Actor actor)
    {
        // Said before anything about the files: with SSL set up, the way on is to replace it.
        if (!replace && (await grains.Configuration.GetAsync()).Ssl is not null)
        {
            return new Refusal(409, "already-set-up", "SSL is set up already. Replace it with PUT /api/v1/ssl, or delete it first.");
        }

        var staged = await grains.Configuration.GetStagedAsync();
        var opened = OpenAll(staged);
        if (opened.Refusal is { } refusal)
        {
            return refusal;
        }

        using var files = opened.Value;
        var generatedKeyId = staged.GetValueOrDefault(SslFile.PrivateKey)?.GeneratedKeyId;
        return await SetupAsync(files, slot => staged[slot].Label, generatedKeyId, WasExposed(staged), replace, expectedRevision, actor);
    }

    /// <summary>
    /// Sets up from the files given, or replaces what is set up, in place. Without a key among them, the key that was generated
    /// on the server and waits for its certificate is taken.
    /// </summary>
    public async Task<Act<SslStatus>> PutAsync(UploadedFiles files, bool exposed, long? expectedRevision, Actor actor)
    {
        exposed &= files.Find(SslFile.PrivateKey) is not null;
        if (RefuseExposed(exposed) is { } refusal)
        {
            return refusal;
        }

        StagedSslFile? generated;
        try
        {
            generated = await AddGeneratedKeyAsync(files);
        }
        catch (CryptographicException e)
        {
            LogNotOpened(e);
            return new Refusal(409, "staged-unreadable", NotOpened);
        }

        var now = time.GetUtcNow();
        return await SetupAsync(
            files,
            slot => slot == SslFile.PrivateKey && generated is not null ? generated.Label : new SslFileLabel(files.Find(slot)!.FileName, now),
            generated?.GeneratedKeyId,
            exposed,
            replace: true,
            expectedRevision,
            actor);
    }

    public async Task<Act<bool>> DeleteAsync(long? expectedRevision, Actor actor)
    {
        var before = (await grains.Configuration.GetAsync()).Ssl;
        return await audit.RecordAsync<bool>(actor, "ssl.delete", "ssl", before is null ? null : Fingerprint(before), null, async () =>
        {
            var result = await grains.Configuration.DeleteSslAsync(expectedRevision);
            return result.Outcome is ChangeOutcome.Applied or ChangeOutcome.NotFound
                ? Act<bool>.Done(true, result.Nodes)
                : Refusal.From(result, "certificate");
        });
    }

    private async Task<Act<SslStatus>> SetupAsync(UploadedFiles files, Func<SslFile, SslFileLabel> label, string? generatedKeyId, bool exposed, bool replace, long? expectedRevision, Actor actor)
    {
        using var bundle = validator.InspectBundle(files.Content(SslFile.PrivateKey), files.Content(SslFile.ServerCertificate), files.Content(SslFile.CaChain), files.Passphrase);
        if (bundle.HasErrors || bundle is not { Pkcs8Key: not null, Leaf: not null, Details: not null })
        {
            return Refusal.InvalidTls("Key, certificate and chain cannot be served together. Nothing was changed.", bundle.Findings);
        }

        var setupId = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var candidate = new SslConfiguration
        {
            SetupId = setupId,
            PrivateKey = sealer.Seal(bundle.Pkcs8Key.Bytes, setupId),
            Certificate = bundle.Leaf,
            Intermediates = bundle.Intermediates,
            Root = bundle.Root,
            Files = Slots.ToImmutableDictionary(slot => slot, label),
            Details = bundle.Details,
            Chain = bundle.Chain,
            Findings = await WithPlaceAsync(WithExposure(bundle.Findings, exposed), bundle),
            GeneratedKeyId = generatedKeyId,
            SetUpBy = actor.Name,
        };
        var before = (await grains.Configuration.GetAsync()).Ssl;
        return await audit.RecordAsync<SslStatus>(
            actor, replace ? "ssl.replace" : "ssl.setup", "ssl", before is null ? null : Fingerprint(before), Fingerprint(candidate), async () =>
            {
                var result = await grains.Configuration.SetupSslAsync(candidate, replace, expectedRevision);
                if (result.Outcome != ChangeOutcome.Applied)
                {
                    return Refusal.From(result, "certificate");
                }

                // A generated key that is not the one set up still waits for its certificate.
                var status = Status(
                    new BrokerConfiguration { Revision = result.Revision, Ssl = candidate },
                    await grains.Configuration.GetStagedAsync(),
                    [.. result.Nodes.Select(SslNode.From)]);
                return Act<SslStatus>.Done(status, result.Nodes);
            });
    }

    private static SslStatus Status(BrokerConfiguration configuration, ImmutableDictionary<SslFile, StagedSslFile> staged, ImmutableArray<SslNode> nodes) => new()
    {
        State = configuration.Ssl is not null ? SslState.Setup : staged.IsEmpty ? SslState.NotSetup : SslState.Staged,
        Revision = configuration.Revision,
        Files = configuration.Ssl?.Files ?? ImmutableDictionary<SslFile, SslFileLabel>.Empty,
        Staged = staged,
        Certificate = configuration.Ssl?.Details,
        Chain = configuration.Ssl?.Chain ?? [],
        Findings = configuration.Ssl?.Findings ?? [],
        Nodes = nodes,
    };

    private Refusal? RefuseExposed(bool exposed) => exposed && options.Value.RefuseKeyOverHttp
        ? new Refusal(403, "key-over-http-refused", "A private key over plain HTTP from another host is refused here. Upload it on the broker's own host, or over HTTPS.")
        : null;

    private static ImmutableArray<Finding> WithExposure(ImmutableArray<Finding> findings, bool exposed) => exposed ? findings.Add(OverHttp) : findings;

    /// <summary>Adds what depends on where the certificate is to be served, not on the files.</summary>
    private async Task<ImmutableArray<Finding>> WithPlaceAsync(ImmutableArray<Finding> findings, BundleInspection bundle)
    {
        if (bundle.Details is not { } details)
        {
            return findings;
        }

        var listening = (await nodes.DescribeAsync()).SelectMany(node => node.Description?.Listeners ?? [])
            .Select(listener => Uri.TryCreate(listener, UriKind.Absolute, out var uri) ? uri.IdnHost : "")
            .Append(options.Value.MqttBindAddress)
            .Append(options.Value.BindAddress)
            .Select(host => IPAddress.TryParse(host, out var address) ? address : null)
            .OfType<IPAddress>();
        return DevelopmentCertificate.Inspect(details, bundle.Chain, listening, DevelopmentCertificate.InterfaceAddresses()) is { } finding ? findings.Add(finding) : findings;
    }

    private async Task<StagedSslFile?> AddGeneratedKeyAsync(UploadedFiles files)
    {
        if (files.Find(SslFile.PrivateKey) is not null
            || !(await grains.Configuration.GetStagedAsync()).TryGetValue(SslFile.PrivateKey, out var key)
            || key.GeneratedKeyId is null)
        {
            return null;
        }

        files.TryAdd(SslFile.PrivateKey, Open(SslFile.PrivateKey, key));
        return key;
    }

    private Act<UploadedFiles> OpenAll(ImmutableDictionary<SslFile, StagedSslFile> staged)
    {
        var files = new UploadedFiles();
        try
        {
            foreach (var (slot, file) in staged)
            {
                files.TryAdd(slot, Open(slot, file));
            }

            return Act<UploadedFiles>.Done(files);
        }
        catch (CryptographicException e)
        {
            files.Dispose();
            LogNotOpened(e);
            return new Refusal(409, "staged-unreadable", NotOpened);
        }
    }

    private static bool WasExposed(ImmutableDictionary<SslFile, StagedSslFile> staged) =>
        staged.TryGetValue(SslFile.PrivateKey, out var key) && key.Findings.Any(f => f.Code == OverHttp.Code);

    private UploadedFile Open(SslFile slot, StagedSslFile file)
    {
        var content = sealer.Open(file.Content, AssociatedData(slot));
        return new UploadedFile(content, content.Bytes.Length, file.Label.FileName);
    }

    internal static string AssociatedData(SslFile slot) => slot switch
    {
        SslFile.PrivateKey => "staged/private-key",
        SslFile.ServerCertificate => "staged/server-certificate",
        SslFile.CaChain => "staged/ca-chain",
        _ => throw new ArgumentOutOfRangeException(nameof(slot), slot, "Unknown slot."),
    };

    private static object Fingerprint(SslConfiguration ssl) => new { ssl.Details.Subject, ssl.Details.Sha256Fingerprint, ssl.Details.NotAfter };

    [LoggerMessage(4040, LogLevel.Error, "The staged SSL files cannot be opened with this node's master key. Give every node the same Chariot:MasterKeyFile")]
    private partial void LogNotOpened(Exception exception);
}
