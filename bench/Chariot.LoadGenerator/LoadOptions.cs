using System.Globalization;

namespace Chariot.LoadGenerator;

/// <summary>Who publishes to whom.</summary>
internal enum LoadMode
{
    /// <summary>N publishers, each with a subscriber of its own.</summary>
    Pairs,
    /// <summary>N publishers, one subscriber to all of them.</summary>
    FanIn,
    /// <summary>One publisher, N subscribers.</summary>
    FanOut,
}

/// <summary>The command line.</summary>
internal sealed record LoadOptions
{
    public const string Usage = """
        Chariot.LoadGenerator: closed-loop MQTT load on one thread (Linux). One JSON line per run.

          --mode pairs|fan-in|fan-out   who publishes to whom (pairs)
          --count N                     pairs, publishers or subscribers (10)
          --window N                    messages under way per publisher (100)
          --payload N                   bytes, at least 8 (64)
          --qos 0|1                     of publisher and subscriber (0)
          --topics N                    topics to rotate over, all publishers together (1)
          --prefix TEXT                 first levels of every topic (bench)
          --host H  --port N[,N...]     where the broker, or each silo of a cluster, listens (127.0.0.1, 1883)
          --shift K                     with several ports: pair i publishes to silo i, and its subscriber is on silo i + K (0)
          --version 4|5                 MQTT 3.1.1 or 5.0 (4)
          --username U --password P     credential; none for anonymous
          --warmup S  --seconds S       not measured, measured (2, 5)
          --pid N[,N...]                the broker's processes, for their CPU and memory together
          --label TEXT                  repeated in the output

        Topics are PREFIX/CLIENTID/tNNN; a subscriber asks for PREFIX/CLIENTID/# (fan-in: PREFIX/+/#).
        What counts is what subscribers receive. Every payload carries publisher and number; loss, repetition and disorder
        are counted. A publisher tops its window up by a quarter of it at a time, so packets come in batches unless
        the window is small.
        """;

    public LoadMode Mode { get; init; } = LoadMode.Pairs;
    public int Count { get; init; } = 10;
    public int Window { get; init; } = 100;
    public int Payload { get; init; } = 64;
    public int Qos { get; init; }
    public int Topics { get; init; } = 1;
    public string Prefix { get; init; } = "bench";
    public string Host { get; init; } = "127.0.0.1";
    public IReadOnlyList<int> Ports { get; init; } = [1883];
    public int Shift { get; init; }
    public int Version { get; init; } = 4;
    public string? Username { get; init; }
    public string? Password { get; init; }
    public double Warmup { get; init; } = 2;
    public double Seconds { get; init; } = 5;
    public IReadOnlyList<int> Pids { get; init; } = [];
    public string Label { get; init; } = "";

    public int Publishers => Mode == LoadMode.FanOut ? 1 : Count;

    public int Subscribers => Mode == LoadMode.FanIn ? 1 : Count;

    /// <summary>Port of the silo that the publisher, or the subscriber, of this number connects to.</summary>
    public int PortOf(int index, bool isSubscriber) => Ports[(index + (isSubscriber ? Shift : 0)) % Ports.Count];

    /// <summary>Throws <see cref="FormatException"/> with one sentence.</summary>
    public static LoadOptions Parse(string[] arguments)
    {
        var options = new LoadOptions();
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (i + 1 == arguments.Length)
            {
                throw new FormatException($"{arguments[i]} needs a value");
            }

            var value = arguments[i + 1];
            options = arguments[i] switch
            {
                "--mode" => options with { Mode = Enum.TryParse<LoadMode>(value.Replace("-", "", StringComparison.Ordinal), true, out var mode) ? mode : throw new FormatException($"no mode {value}") },
                "--count" => options with { Count = Number(value, 1, 100_000) },
                "--window" => options with { Window = Number(value, 1, 65_535) },
                "--payload" => options with { Payload = Number(value, 8, 1_000_000) },
                "--qos" => options with { Qos = Number(value, 0, 1) },
                "--topics" => options with { Topics = Number(value, 1, 1_000_000) },
                "--prefix" => options with { Prefix = value },
                "--host" => options with { Host = value },
                "--port" => options with { Ports = Numbers(value, 1, 65_535) },
                "--shift" => options with { Shift = Number(value, 0, 100) },
                "--version" => options with { Version = Number(value, 4, 5) },
                "--username" => options with { Username = value },
                "--password" => options with { Password = value },
                "--warmup" => options with { Warmup = double.Parse(value, CultureInfo.InvariantCulture) },
                "--seconds" => options with { Seconds = double.Parse(value, CultureInfo.InvariantCulture) },
                "--pid" => options with { Pids = Numbers(value, 1, int.MaxValue) },
                "--label" => options with { Label = value },
                _ => throw new FormatException($"unknown option {arguments[i]}"),
            };
        }

        return options;
    }

    public static IReadOnlyList<int> Numbers(string value, int least, int most) => [.. value.Split(',').Select(part => Number(part, least, most))];

    private static int Number(string value, int least, int most) =>
        int.TryParse(value, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new FormatException($"{value} is not a number from {least} to {most}");
}
