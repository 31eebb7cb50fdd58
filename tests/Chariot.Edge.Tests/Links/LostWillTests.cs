using System.Net;
using System.Reflection;
using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Configuration;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Runtime;

namespace Chariot.Edge.Tests.Links;

/// <summary>The wills of a silo that died, which are due with its connections.</summary>
public sealed class LostWillTests : IDisposable
{
    private readonly EdgeKit _kit = new();

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task WillOfALostSilo_IsPublishedOnce_ThoughItsGrainDoesNotAnswerAtFirst(int failures)
    {
        var wire = new ScriptedTransport();
        _kit.Connect(_kit.Session("watcher", 1, durable: false, new SubscriptionRecord("wills/#", QualityOfService.AtMostOnce)), wire);
        var grain = DispatchProxy.Create<ISessionGrain, SessionGrainCalls>();
        ((SessionGrainCalls)(object)grain).Failures = failures;
        var grains = DispatchProxy.Create<IGrainFactory, GrainFactoryCalls>();
        ((GrainFactoryCalls)(object)grains).Grain = grain;
        var dead = SiloAddress.New(IPAddress.Loopback, 1, 1);
        var record = new SessionRecord
        {
            ClientId = "mortal", SessionId = 7, Epoch = 1, Principal = Principal.Anonymous, Owner = dead,
            Will = new WillRecord("wills/mortal"u8.ToArray(), "gone"u8.ToArray(), QualityOfService.AtMostOnce, Retain: false),
        };
        var ends = new SessionEnd(_kit.Sessions, _kit.Router, grains, _kit.Services, _kit.Log);
        var adoption = new SessionAdoption(grains, new States(record), new Feed(), _kit.Sessions, ends, _kit.Services, new PeerLog(NullLogger<PeerLog>.Instance));
        adoption.Joined();

        await adoption.AdoptAsync(SessionPartitions.Of(record.ClientId), [new LostOwner(dead, [])], epoch: 2);
        for (var deadline = Environment.TickCount64 + 30_000; Wills(wire) == 0 && Environment.TickCount64 < deadline;)
        {
            _kit.Time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Delay(1);
        }

        Assert.Equal(1, Wills(wire));
        Assert.Equal(failures + 1, ((SessionGrainCalls)(object)grain).Calls);
    }

    private static int Wills(ScriptedTransport wire) => Encoding.Latin1.GetString(wire.Sent).Split("wills/mortal").Length - 1;

    /// <summary>Public for <see cref="DispatchProxy"/>.</summary>
    public class SessionGrainCalls : DispatchProxy
    {
        public int Failures { get; set; }

        public int Calls { get; private set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            Assert.Equal(nameof(ISessionGrain.RemoveAsync), targetMethod!.Name);
            Calls++;
            return new ValueTask<bool>(Calls <= Failures ? Task.FromException<bool>(new SiloUnavailableException("its silo is dead")) : Task.FromResult(true));
        }
    }

    /// <summary>Public for <see cref="DispatchProxy"/>.</summary>
    public class GrainFactoryCalls : DispatchProxy
    {
        public object? Grain { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Grain;
    }

    private sealed class States(SessionRecord record) : IGrainStateIndex
    {
        public Task<IReadOnlyList<KeyValuePair<string, T>>> ReadAsync<T>(string stateName, string? afterKey, int limit, string? prefix = null, CancellationToken cancellationToken = default) =>
            Task.FromResult<IReadOnlyList<KeyValuePair<string, T>>>([new(record.ClientId, (T)(object)record)]);
    }

    private sealed class Feed : IConfigurationFeed
    {
        public BrokerConfiguration Current { get; } = new() { Mqtt = new MqttSettings { AllowAnonymous = true } };

        public TlsMaterial? Tls => null;

        public ValueTask<CredentialRecord?> FindCredentialAsync(string username, CancellationToken cancellationToken = default) => throw new NotSupportedException("Nobody has a name here.");
    }
}
