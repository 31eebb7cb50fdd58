using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Limiting;
using Chariot.Edge.Links;

namespace Chariot.Edge.Sessions;

/// <summary>What every session of this edge uses; one per edge.</summary>
internal sealed class SessionServices(IMessageStore store, AckOrPersistTimer acknowledgements, EdgeMetrics metrics, EdgeLog log, TimeProvider time)
{
    private readonly Lock _backgroundGate = new();

    public IMessageStore Store { get; } = store;

    public AckOrPersistTimer Acknowledgements { get; } = acknowledgements;

    public EdgeMetrics Metrics { get; } = metrics;

    public EdgeLog Log { get; } = log;

    public TimeProvider Time { get; } = time;

    /// <summary>Where queues are read back; a simulation has its own.</summary>
    public TaskScheduler Scheduler { get; set; } = TaskScheduler.Default;

    /// <summary>The other edges of the cluster.</summary>
    public PeerSet Peers { get; } = new(time);

    /// <summary>QoS 2 publishes that are routed here when other silos have them.</summary>
    public OpenPublishes OpenPublishes { get; } = new();

    /// <summary>Gives message ids; null in a kit that makes its own.</summary>
    public MessageIds? Ids { get; set; }

    /// <summary>Several silos use the store: sessions move, and old owners are kept out of it.</summary>
    public bool SharesStore { get; set; }

    /// <summary>The store has refused a session's rows because another silo owns it.</summary>
    public Action<ClientSession, FlushBatch> OnFenced { get; set; } = static (_, _) => { };

    /// <summary>Limits in force; swapped with each configuration revision.</summary>
    public MqttLimits Limits { get; set; } = new();

    public CredentialConnections CredentialConnections { get; } = new();

    public AddressRates AddressRates { get; } = new(time);

    public DurableQuota DurableQuota { get; } = new();

    /// <summary>Store callbacks deliver too; a change of configuration waits for them as for read batches.</summary>
    public BatchMarker StoreCallbacks { get; } = new();

    /// <summary>Wills and moves between members of shared subscriptions; see <see cref="InBackground"/>.</summary>
    public BatchMarker Background { get; } = new();

    /// <summary>Set by <see cref="SessionRegistry"/>, which has the routes that it needs.</summary>
    public SharedRedelivery Redelivery { get; set; } = null!;

    /// <summary>
    /// Does work that decides on rights and delivers, outside of a read batch or a store callback, so that a change of configuration can
    /// wait for it as well. One at a time; must not be called under a session's gate.
    /// </summary>
    public void InBackground(Action<FlushBatch> work)
    {
        var batch = FlushBatch.Current;
        if (_backgroundGate.IsHeldByCurrentThread)
        {
            work(batch);
            return;
        }

        lock (_backgroundGate)
        {
            Background.Enter();
            try
            {
                work(batch);
            }
            finally
            {
                Background.Leave();
            }
        }

        batch.Flush(Metrics);
    }

    public long UnixMilliseconds => Time.GetUtcNow().ToUnixTimeMilliseconds();
}
