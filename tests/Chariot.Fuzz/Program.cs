using System.Globalization;
using Chariot.Fuzz.Codec;
using Chariot.Fuzz.Sockets;
using Chariot.TestKit.Broker;

// codec [packets] [seed]          10,000,000 packets through the decoders, on every core
// sockets [connections] [seed]    100,000 hostile connections, 250 a second, against a broker process of its own; the heap is looked at once more 200 s later
var what = args.Length > 0 ? args[0] : "";
var count = args.Length > 1 ? long.Parse(args[1], NumberStyles.AllowThousands, CultureInfo.InvariantCulture) : 0;
var seed = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : Environment.TickCount;
switch (what)
{
    case "codec":
    {
        var total = count > 0 ? count : 10_000_000;
        var share = (total + Environment.ProcessorCount - 1) / Environment.ProcessorCount;
        var runs = await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(core => Task.Run(() => new CodecFuzzer(seed + core).Run(share))));
        foreach (var run in runs)
        {
            Console.WriteLine($"drill: {run}");
            run.Faults.ForEach(Console.WriteLine);
        }

        return runs.All(run => run.Faults.Count == 0) ? 0 : 1;
    }

    case "sockets":
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        var report = await new SocketFuzzer(broker, seed, perSecond: 250, TimeSpan.FromSeconds(200)).RunAsync((int)(count > 0 ? count : 100_000), CancellationToken.None);
        Console.WriteLine($"drill: {report}");
        foreach (var line in report.Hangs.Concat(report.Errors))
        {
            Console.WriteLine(line);
        }

        return !report.Crashed && report.Hangs.Count == 0 && report.Errors.Count == 0 && report.RestingCpu < 0.2 ? 0 : 1;
    }

    default:
        Console.Error.WriteLine("Chariot.Fuzz codec [packets] [seed] | Chariot.Fuzz sockets [connections] [seed]");
        return 2;
}
