using System.Runtime.CompilerServices;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Tests.Tls;

namespace Chariot.Cluster.Tests.Configuration;

/// <summary>What a replaced certificate leaves behind in memory: nothing.</summary>
public sealed class ReplaceMemoryTests
{
    private const int Replacements = 200;

    [Fact]
    public async Task Replace_LetsGoOfEveryCertificateButTheServedOne()
    {
        await using var kit = new FeedKit();
        await kit.StartAsync();
        var replaced = new List<WeakReference>();
        for (var revision = 1; revision <= Replacements; revision++)
        {
            replaced.AddRange(await ReplaceAsync(kit, revision));
        }

        // A finalizer lets go of what the next collection takes.
        for (var round = 0; round < 5; round++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        var alive = replaced.Select(reference => reference.Target).OfType<object>().ToList();
        // Of the one that is served: itself, its context, its certificate.
        Assert.True(alive.Count <= 3, $"{alive.Count} alive: {string.Join(", ", alive.GroupBy(o => o.GetType().Name).Select(group => $"{group.Count()} {group.Key}"))}");
        Assert.NotNull(kit.Feed.Tls);
    }

    // Apart, so that no local of the test keeps anything alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference[]> ReplaceAsync(FeedKit kit, long revision)
    {
        var ssl = kit.Ssl($"setup-{revision}");
        Assert.True((await kit.Feed.PrepareSslAsync(ssl)).Applied);
        var result = await kit.Feed.ApplyAsync(FeedKit.Push(revision, ssl));
        Assert.True(result.Applied);
        var served = kit.Feed.Tls!;
        Assert.Equal($"setup-{revision}", served.SetupId);
        if (revision % 10 == 0)
        {
            // Preparing has shaken hands already; this is a client of the listener.
            await TestHandshake.ConnectAsync(served, new TlsSettings());
        }

        // The fakes write down what they are told.
        kit.First.Forget();
        kit.Second.Forget();
        return [new(served), new(served.Context), new(served.Certificate)];
    }
}
