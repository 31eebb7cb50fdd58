using Chariot.Abstractions.Configuration;
using Chariot.Admin.Audit;

namespace Chariot.Admin.Settings;

/// <summary>A settings object and the revision that it was read or written at.</summary>
internal sealed record Revisioned<T>(T Value, long Revision);

/// <summary>Reads and replaces the live settings.</summary>
internal sealed class SettingsAdministration(AdminGrains grains, AuditTrail audit)
{
    public async Task<Act<Revisioned<MqttSettings>>> GetMqttAsync()
    {
        var current = await grains.Configuration.GetAsync();
        return Act<Revisioned<MqttSettings>>.Done(new(current.Mqtt, current.Revision));
    }

    public async Task<Act<Revisioned<MqttSettings>>> SetMqttAsync(MqttSettings settings, long? expectedRevision, Actor actor)
    {
        var findings = MqttSettingsRules.Check(settings);
        if (!findings.IsEmpty)
        {
            return Refusal.Invalid("The settings are refused.", findings);
        }

        var before = (await grains.Configuration.GetAsync()).Mqtt;
        return await audit.RecordAsync<Revisioned<MqttSettings>>(actor, "settings.mqtt", "mqtt", before, settings, async () =>
            Map(await grains.Configuration.SetMqttAsync(settings, expectedRevision), settings));
    }

    public async Task<Act<Revisioned<TlsSettings>>> GetTlsAsync()
    {
        var current = await grains.Configuration.GetAsync();
        return Act<Revisioned<TlsSettings>>.Done(new(current.Tls, current.Revision));
    }

    public async Task<Act<Revisioned<TlsSettings>>> SetTlsAsync(TlsSettings settings, long? expectedRevision, Actor actor)
    {
        var findings = new List<Finding>();
        if (settings.MinVersion is not ("1.2" or "1.3"))
        {
            findings.Add(Findings.Error("min-version.unknown", "minVersion", "minVersion is \"1.2\" or \"1.3\"."));
        }

        if (settings.HandshakeTimeoutSeconds is < 1 or > 60)
        {
            findings.Add(Findings.Error("limit.range", "handshakeTimeoutSeconds", "handshakeTimeoutSeconds must be 1 to 60."));
        }

        if (findings.Count > 0)
        {
            return Refusal.Invalid("The settings are refused.", [.. findings]);
        }

        var before = (await grains.Configuration.GetAsync()).Tls;
        return await audit.RecordAsync<Revisioned<TlsSettings>>(actor, "settings.tls", "tls", before, settings, async () =>
            Map(await grains.Configuration.SetTlsAsync(settings, expectedRevision), settings));
    }

    public async Task<Act<Revisioned<AdminSettings>>> GetAdminAsync()
    {
        var current = await grains.Configuration.GetAsync();
        return Act<Revisioned<AdminSettings>>.Done(new(current.Admin, current.Revision));
    }

    /// <param name="overHttps">Whether the caller is there over HTTPS: the proof that it is reachable before HTTP goes.</param>
    public async Task<Act<Revisioned<AdminSettings>>> SetAdminAsync(AdminSettings settings, bool overHttps, long? expectedRevision, Actor actor)
    {
        if (settings.AdminHttp is not ("open" or "redirect" or "off"))
        {
            return Refusal.Invalid("The settings are refused.", [Findings.Error("admin-http.unknown", "adminHttp", "adminHttp is \"open\", \"redirect\" or \"off\".")]);
        }

        var before = await grains.Configuration.GetAsync();
        if (settings.AdminHttp != "open" && before.Ssl is null)
        {
            return new Refusal(409, "ssl-not-set-up", "Plain HTTP stays open while SSL is not set up.");
        }

        if (settings.AdminHttp == "off" && !overHttps)
        {
            return new Refusal(409, "https-required", "Plain HTTP can be switched off over HTTPS only, which shows that HTTPS can be reached.");
        }

        return await audit.RecordAsync<Revisioned<AdminSettings>>(actor, "settings.admin", "admin", before.Admin, settings, async () =>
            Map(await grains.Configuration.SetAdminAsync(settings, expectedRevision), settings));
    }

    private static Act<Revisioned<T>> Map<T>(ChangeResult result, T settings) => result.Outcome == ChangeOutcome.Applied
        ? Act<Revisioned<T>>.Done(new(settings, result.Revision), result.Nodes)
        : Refusal.From(result, "settings object");
}
