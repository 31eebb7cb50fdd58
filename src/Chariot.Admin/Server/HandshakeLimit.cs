using System.Net.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Chariot.Admin.Server;

/// <summary>What HTTPS is served with; both are asked for each connection.</summary>
internal sealed record HttpsOptions(Func<CancellationToken, ValueTask<SslServerAuthenticationOptions>> Tls, Func<TimeSpan> HandshakeTime, TimeProvider Time);

/// <summary>
/// Bounds the TLS handshake of HTTPS by a time that can change while the port is open: Kestrel reads its own limit once.
/// </summary>
internal static class HandshakeLimit
{
    // The longest that the settings allow; Kestrel's own timer is only a net below ours.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    private static readonly object TimerKey = new();

    /// <summary>Serves HTTPS on <paramref name="listen"/>. The time runs from accept on.</summary>
    public static void UseHttps(ListenOptions listen, HttpsOptions options)
    {
        listen.Use(next => async connection =>
        {
            // Fires for a connection that says nothing as for one that says a byte now and then.
            await using var timer = options.Time.CreateTimer(
                static state => ((ConnectionContext)state!).Abort(new ConnectionAbortedException("The TLS handshake took too long.")),
                connection,
                options.HandshakeTime(),
                Timeout.InfiniteTimeSpan);
            connection.Items[TimerKey] = timer;
            await next(connection);
        });
        listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = context => options.Tls(context.CancellationToken), HandshakeTimeout = Longest });
        listen.Use(next => connection =>
        {
            if (connection.Items.TryGetValue(TimerKey, out var timer))
            {
                ((ITimer)timer!).Dispose();
            }

            return next(connection);
        });
    }
}
