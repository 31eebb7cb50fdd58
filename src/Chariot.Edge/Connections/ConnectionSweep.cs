using Chariot.Abstractions;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Limiting;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Connections;

/// <summary>
/// Ends what took too long, twice a second: connections without CONNECT, without a sign of life for 1.5 x Keep Alive
/// [MQTT-3.1.2-24], or that do not read; sessions past their expiry; wills whose delay is over; retained messages that have expired.
/// </summary>
internal sealed class ConnectionSweep(ConnectionRegistry connections, SessionRegistry sessions, SessionEnd ends, RetainedMessages retainedMessages, RouteTable routes, OverloadGuard overload, SessionServices services, EdgeLog log) : IDisposable
{
    private const long StallLimitMilliseconds = 60_000;
    private const long ClosingLimitMilliseconds = 2_000;
    private const int ExpiredAtOnce = 10_000;

    /// <summary>Sweeps from one look for stale topics to the next: 10 s.</summary>
    private const int TopicsEvery = 20;

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _stop = new();
    private Task _run = Task.CompletedTask;

    public void Start() => _run = RunAsync();

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _run;
    }

    public void Dispose() => _stop.Dispose();

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Period);
        for (var sweep = 1; !_stop.IsCancellationRequested; sweep++)
        {
            try
            {
                await timer.WaitForNextTickAsync(_stop.Token);
                SweepConnections(Environment.TickCount64);
                SweepRetained();
                overload.Look();
                if (sweep % TopicsEvery == 0)
                {
                    routes.ForgetStaleTopics();
                }

                await SweepSessionsAsync(services.Time.GetUtcNow());
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                log.SweepFailed(error);
            }
        }
    }

    /// <param name="now">Of <see cref="Environment.TickCount64"/>.</param>
    internal void SweepConnections(long now)
    {
        foreach (var connection in connections.All)
        {
            if (connection.ClosingSince != 0)
            {
                if (now - connection.ClosingSince > ClosingLimitMilliseconds)
                {
                    connection.Abort();
                }
            }
            else if (connection.Session is null)
            {
                if (now - connection.AcceptedAt > services.Limits.ConnectTimeoutSeconds * 1000L)
                {
                    connection.Abort();
                }
            }
            else if (connection.KeepAliveMilliseconds > 0 && !connection.IsHeld && now - connection.LastReceived > connection.KeepAliveMilliseconds)
            {
                connection.Close(ReasonCode.KeepAliveTimeout);
            }
            else if (connection.Outbound.StalledFor(now) > StallLimitMilliseconds)
            {
                connection.Close(ReasonCode.QuotaExceeded);
            }
        }
    }

    private void SweepRetained()
    {
        var expired = retainedMessages.RemoveExpired(services.UnixMilliseconds, ExpiredAtOnce);
        if (expired.Count > 0)
        {
            // What is retained when it is applied: a newer message may have come meanwhile.
            services.Store.Submit(new RowWork(services, transaction =>
            {
                foreach (var topic in expired)
                {
                    retainedMessages.Store(topic, transaction);
                }
            }));
        }
    }

    private async Task SweepSessionsAsync(DateTimeOffset now)
    {
        foreach (var session in sessions.All)
        {
            if (session.DisconnectedAt is not { } away)
            {
                continue;
            }

            if (session.WillDueAt is { } due && due <= now)
            {
                ends.PublishWill(session);
            }

            if (session.ExpirySeconds != uint.MaxValue && away.AddSeconds(session.ExpirySeconds) <= now)
            {
                await ends.ExpireAsync(session);
            }
        }
    }
}
