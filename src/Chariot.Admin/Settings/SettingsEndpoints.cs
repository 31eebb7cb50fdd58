using System.Text.Json.Serialization;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Settings;

internal static class SettingsEndpoints
{
    public static void MapSettings(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/settings").RequireAuthorization(Roles.Read);
        read.MapGet("/mqtt", async (SettingsAdministration settings) => Show(await settings.GetMqttAsync(), MqttView.From));
        read.MapGet("/tls", async (SettingsAdministration settings) => Show(await settings.GetTlsAsync(), TlsView.From));
        read.MapGet("/admin", async (SettingsAdministration settings) => Show(await settings.GetAdminAsync(), AdminView.From));

        var change = routes.MapGroup("/settings").RequireAuthorization(Roles.Change);
        change.MapPut("/mqtt", async (MqttView body, HttpContext context, SettingsAdministration settings) => Show(
            await settings.SetMqttAsync(body.ToSettings(), context.Request.ExpectedRevision(), context.Actor()), MqttView.From));
        change.MapPut("/tls", async (TlsView body, HttpContext context, SettingsAdministration settings) => Show(
            await settings.SetTlsAsync(body.ToSettings(), context.Request.ExpectedRevision(), context.Actor()), TlsView.From));
        change.MapPut("/admin", async (AdminView body, HttpContext context, SettingsAdministration settings) => Show(
            await settings.SetAdminAsync(body.ToSettings(), context.Request.IsHttps, context.Request.ExpectedRevision(), context.Actor()), AdminView.From));
    }

    private static IResult Show<T>(Act<Revisioned<T>> act, Func<Revisioned<T>, IReadOnlyList<NodeView>?, object> view)
    {
        var nodes = act.Nodes.IsEmpty ? null : NodeView.From(act.Nodes);
        return Answers.Ok(act, v => view(v, nodes), v => v.Revision);
    }

    /// <summary>
    /// The body of GET and PUT: what was read can be sent back. A field that is left out takes its default; revision and nodes
    /// are ignored on PUT.
    /// </summary>
    private sealed record MqttView
    {
        public bool AllowAnonymous { get; init; }
        public string? AnonymousCredential { get; init; }
        public OnDenied OnDenied { get; init; }
        public bool PlainListenerEnabled { get; init; } = true;
        public ClientCertificatePolicy ClientCertificates { get; init; }
        public MqttLimits Limits { get; init; } = new();
        public SharedSubscriptionStrategy SharedSubscriptionStrategy { get; init; }
        public string? ResponseInformation { get; init; }
        public string? ServerReference { get; init; }
        public long? Revision { get; init; }
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public IReadOnlyList<NodeView>? Nodes { get; init; }

        public static MqttView From(Revisioned<MqttSettings> settings, IReadOnlyList<NodeView>? nodes) => new()
        {
            AllowAnonymous = settings.Value.AllowAnonymous,
            AnonymousCredential = settings.Value.AnonymousCredential,
            OnDenied = settings.Value.OnDenied,
            PlainListenerEnabled = settings.Value.PlainListenerEnabled,
            ClientCertificates = settings.Value.ClientCertificates,
            Limits = settings.Value.Limits,
            SharedSubscriptionStrategy = settings.Value.SharedSubscriptionStrategy,
            ResponseInformation = settings.Value.ResponseInformation,
            ServerReference = settings.Value.ServerReference,
            Revision = settings.Revision,
            Nodes = nodes,
        };

        public MqttSettings ToSettings() => new()
        {
            AllowAnonymous = AllowAnonymous,
            // An empty choice in a form means none.
            AnonymousCredential = AnonymousCredential is "" ? null : AnonymousCredential,
            OnDenied = OnDenied,
            PlainListenerEnabled = PlainListenerEnabled,
            ClientCertificates = ClientCertificates,
            Limits = Limits,
            SharedSubscriptionStrategy = SharedSubscriptionStrategy,
            ResponseInformation = ResponseInformation is "" ? null : ResponseInformation,
            ServerReference = ServerReference is "" ? null : ServerReference,
        };
    }

    private sealed record TlsView
    {
        public string MinVersion { get; init; } = "1.2";
        public bool OcspStapling { get; init; }
        public int HandshakeTimeoutSeconds { get; init; } = 10;
        public long? Revision { get; init; }
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public IReadOnlyList<NodeView>? Nodes { get; init; }

        public static TlsView From(Revisioned<TlsSettings> settings, IReadOnlyList<NodeView>? nodes) => new()
        {
            MinVersion = settings.Value.MinVersion,
            OcspStapling = settings.Value.OcspStapling,
            HandshakeTimeoutSeconds = settings.Value.HandshakeTimeoutSeconds,
            Revision = settings.Revision,
            Nodes = nodes,
        };

        public TlsSettings ToSettings() => new() { MinVersion = MinVersion, OcspStapling = OcspStapling, HandshakeTimeoutSeconds = HandshakeTimeoutSeconds };
    }

    private sealed record AdminView
    {
        public string AdminHttp { get; init; } = "open";
        public long? Revision { get; init; }
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public IReadOnlyList<NodeView>? Nodes { get; init; }

        public static AdminView From(Revisioned<AdminSettings> settings, IReadOnlyList<NodeView>? nodes) =>
            new() { AdminHttp = settings.Value.AdminHttp, Revision = settings.Revision, Nodes = nodes };

        public AdminSettings ToSettings() => new() { AdminHttp = AdminHttp };
    }
}
