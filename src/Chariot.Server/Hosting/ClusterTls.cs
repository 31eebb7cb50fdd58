using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Chariot.Cluster.Tls;
using Microsoft.AspNetCore.Connections;
using Orleans.Configuration;

namespace Chariot.Server.Hosting;

/// <summary>
/// Mutual TLS 1.3 around every connection between processes of the cluster: silo to silo, and admin-only process to gateway. Orleans' own
/// package for it is absent from the registry that this project restores from (docs/adr/0016).
/// </summary>
internal sealed partial class ClusterTls(NodeIdentity identity, ILogger<ClusterTls> logger)
{
    // What says that the other side has looked at our certificate and taken it: in TLS 1.3 a client's handshake is over before that.
    private const byte Welcome = 1;

    private static readonly TimeSpan HandshakeTime = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger = logger;

    public static void Use(ISiloBuilder silo, NodeIdentity identity)
    {
        silo.Services.AddSingleton(identity).AddSingleton<ClusterTls>();
        silo.Configure<SiloConnectionOptions>(connections =>
        {
            connections.ConfigureSiloInboundConnection(Accept);
            connections.ConfigureGatewayInboundConnection(Accept);
            connections.ConfigureSiloOutboundConnection(Connect);
        });
    }

    public static void Use(IClientBuilder client, NodeIdentity identity)
    {
        client.Services.AddSingleton(identity).AddSingleton<ClusterTls>();
        client.Configure<ClientConnectionOptions>(connections => connections.ConfigureConnection(Connect));
    }

    private static void Accept(IConnectionBuilder connections)
    {
        var tls = connections.ApplicationServices.GetRequiredService<ClusterTls>();
        connections.Use(next => context => tls.AcceptAsync(context, next));
    }

    private static void Connect(IConnectionBuilder connections)
    {
        var tls = connections.ApplicationServices.GetRequiredService<ClusterTls>();
        connections.Use(next => context => tls.ConnectAsync(context, next));
    }

    private async Task AcceptAsync(ConnectionContext context, ConnectionDelegate next)
    {
        await using var tls = new SslStream(new DuplexPipeStream(context.Transport.Input, context.Transport.Output, leaveOpen: true));
        string? fault = null;
        try
        {
            await ShakeAsync(context, async stop =>
            {
                await tls.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions
                    {
                        ServerCertificateContext = identity.Certificate,
                        ClientCertificateRequired = true,
                        RemoteCertificateValidationCallback = (_, certificate, _, _) => (fault = identity.Judge(certificate)) is null,
                        CertificateChainPolicy = identity.Policy(),
                        EnabledSslProtocols = Protocols,
                        AllowTlsResume = false,
                    },
                    stop);
                await tls.WriteAsync(new[] { Welcome }, stop);
                await tls.FlushAsync(stop);
            });
        }
        catch (Exception error) when (IsFailedHandshake(error))
        {
            LogRefused(context.RemoteEndPoint, fault is null ? error.Message : $"its certificate {fault}");
            context.Abort();
            return;
        }

        await RunAsync(context, tls, next);
    }

    private async Task ConnectAsync(ConnectionContext context, ConnectionDelegate next)
    {
        await using var tls = new SslStream(new DuplexPipeStream(context.Transport.Input, context.Transport.Output, leaveOpen: true));
        string? fault = null;
        try
        {
            await ShakeAsync(context, async stop =>
            {
                await tls.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions
                    {
                        TargetHost = "node.chariot",
                        ClientCertificateContext = identity.Certificate,
                        RemoteCertificateValidationCallback = (_, certificate, _, _) => (fault = identity.Judge(certificate)) is null,
                        CertificateChainPolicy = identity.Policy(),
                        EnabledSslProtocols = Protocols,
                        AllowTlsResume = false,
                    },
                    stop);
                await tls.ReadExactlyAsync(new byte[1], stop);
            });
        }
        catch (Exception error) when (IsFailedHandshake(error))
        {
            LogNotAccepted(context.RemoteEndPoint, fault is null ? error.Message : $"its certificate {fault}");
            throw;
        }

        await RunAsync(context, tls, next);
    }

#pragma warning disable CA5398 // Both sides are this program: there is nobody to speak an older version for.
    private static SslProtocols Protocols => SslProtocols.Tls13;
#pragma warning restore CA5398

    private static async Task ShakeAsync(ConnectionContext context, Func<CancellationToken, Task> shake)
    {
        // The handshake begins when its thread has gone back to accept others.
        await Task.Yield();
        using var patience = new CancellationTokenSource(HandshakeTime);
        await using (patience.Token.UnsafeRegister(static context => ((ConnectionContext)context!).Abort(), context))
        {
            await shake(patience.Token);
        }
    }

    private static async Task RunAsync(ConnectionContext context, SslStream tls, ConnectionDelegate next)
    {
        var clear = context.Transport;
        context.Transport = new Pipes(PipeReader.Create(tls, new StreamPipeReaderOptions(leaveOpen: true)), PipeWriter.Create(tls, new StreamPipeWriterOptions(leaveOpen: true)));
        try
        {
            await next(context);
        }
        finally
        {
            context.Transport = clear;
        }
    }

    private static bool IsFailedHandshake(Exception error) =>
        error is AuthenticationException or IOException or OperationCanceledException or ConnectionAbortedException or ObjectDisposedException or InvalidOperationException;

    [LoggerMessage(5310, LogLevel.Warning, "A connection from {Remote} to a port of the cluster was refused: {Fault}. If that is a node, give it a certificate of the cluster's CA (Chariot:Cluster:Tls)")]
    private partial void LogRefused(EndPoint? remote, string fault);

    [LoggerMessage(5311, LogLevel.Warning, "No connection to {Remote}, which refused this node's certificate or is no node of this cluster: {Fault}. Check that Chariot:Cluster:Tls names the cluster's CA, and a certificate that it has signed")]
    private partial void LogNotAccepted(EndPoint? remote, string fault);

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
