using System.Globalization;
using Chariot.SystemTests;
using Chariot.TestKit.Broker;
using Chariot.Ui.Tests.Kit;
using Chariot.Ui.Tests.Status;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Drills;

/// <summary>
/// 20,000 credentials and 5,000 connected clients with <c>CHARIOT_DRILL=long</c>, a fraction of them otherwise. It prints how long the first
/// paint and a search take, as the browser sees them, and what an open page costs the broker; what it asserts is what is shown.
/// </summary>
[Collection(WithChromium.Name)]
public sealed class LargeListsDrill(Chromium chromium)
{
    private const string Credentials = "/configuration/mqtt-credentials";
    private const int OpenPages = 10;

    private static readonly int CredentialCount = Drill.Pick(300, 20_000);
    private static readonly int ClientCount = Drill.Pick(200, 5_000);
    private static readonly int Rounds = Drill.Pick(2, 10);
    private static readonly string[] Everything = ["#"];

    [Fact]
    public async Task ManyCredentials_AndManyClients_ArePaintedAndFound()
    {
        await using var broker = await BrokerProcess.StartAsync(new BrokerOptions
        {
            Configuration = new Dictionary<string, string> { ["Chariot:Bootstrap:AllowAnonymous"] = "true", ["Chariot:Admin:RequestsPerSecond"] = "0" },
        });
        await Parallel.ForAsync(0, CredentialCount, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
            (await broker.Admin.PostAsync("credentials", new { username = Name("sensor-", i), publishAcl = Everything, subscribeAcl = Everything })).EnsureSuccess());
        await using var crowd = await Crowd.ConnectAsync(broker.Ports.Mqtt, ClientCount, "meter-");
        await using var ui = await chromium.OpenAsync(broker);
        await ui.Page.AddInitScriptAsync(Stopwatch);
        await ui.SignInAsync();

        await MeasureAsync(ui, $"{CredentialCount} credentials", Credentials, "Search: username begins with", "sensor-", CredentialCount);
        await MeasureAsync(ui, $"{ClientCount} clients", "/clients", "Search client id, username, address", "meter-", ClientCount);
        foreach (var path in new[] { Credentials, "/clients", "/" })
        {
            await MeasureMemoryAsync(broker, ui, path);
        }
    }

    private static async Task MeasureAsync(UiSession ui, string what, string path, string search, string prefix, int count)
    {
        List<double> paints = [], searches = [];
        for (var round = 0; round < Rounds; round++)
        {
            await ui.Page.GotoAsync(path);
            var row = ui.Page.Locator("table.data tbody tr").First;
            await Expect(row).ToContainTextAsync(Name(prefix, 0));
            paints.Add(await ui.Page.EvaluateAsync<double>("window.firstRow"));

            // All but the last digit is there; the keystroke is the last one.
            var wanted = Name(prefix, (int)((round + 1L) * (count - 1) / Rounds));
            await ui.Page.GetByLabel(search).FillAsync(wanted[..^1]);
            await Expect(row).ToContainTextAsync(wanted[..^1]);
            await ui.Page.EvaluateAsync("wanted => window.awaitRow(wanted)", wanted);
            await ui.Page.GetByLabel(search).PressAsync("End");
            await ui.Page.GetByLabel(search).PressSequentiallyAsync(wanted[^1..]);
            await Expect(ui.Page.Locator("table.data tbody tr")).ToHaveCountAsync(1);
            await Expect(row).ToContainTextAsync(wanted);
            await ui.Page.WaitForFunctionAsync("() => window.found !== undefined");
            searches.Add(await ui.Page.EvaluateAsync<double>("window.found"));
        }

        Report($"{what}: first row painted after {Spread(paints)}, last keystroke to filtered row {Spread(searches)}");
    }

    private static async Task MeasureMemoryAsync(BrokerProcess broker, UiSession ui, string path)
    {
        await ui.Page.GotoAsync("/login");
        var before = await ResidentAsync(broker);
        List<IPage> pages = [];
        for (var i = 0; i < OpenPages; i++)
        {
            var page = await ui.Context.NewPageAsync();
            pages.Add(page);
            await page.GotoAsync(path);
            await Expect(page.Locator("table.data tbody tr").First).ToBeVisibleAsync();
        }

        var with = await ResidentAsync(broker);
        foreach (var page in pages)
        {
            await page.CloseAsync();
        }

        Report(string.Create(
            CultureInfo.InvariantCulture,
            $"{path}: {(with - before) / OpenPages / 1024.0:F0} KiB resident per open page ({before / 1048576.0:F1} MiB before, {with / 1048576.0:F1} MiB with {OpenPages}, each after a full collection)"));
    }

    private static async Task<long> ResidentAsync(BrokerProcess broker)
    {
        await ProcessMemory.CollectGarbageAsync(broker.Pid, Path.GetTempPath());
        return ProcessUsage.ResidentBytes(broker.Pid);
    }

    private static string Name(string prefix, int i) => prefix + i.ToString("D5", CultureInfo.InvariantCulture);

    private static string Spread(List<double> milliseconds) => string.Create(
        CultureInfo.InvariantCulture, $"{milliseconds.Order().ElementAt(milliseconds.Count / 2):F0} ms (median of {milliseconds.Count}, slowest {milliseconds.Max():F0} ms)");

    private static void Report(string line) => Drill.Report(line);

    /// <summary>Runs in the browser: milliseconds from the start of the navigation, and from the keystroke, to the frame that has the row.</summary>
    private const string Stopwatch =
        """
        (() => {
          const rows = () => document.querySelectorAll('table.data tbody tr');
          const when = (condition, tell) => {
            const look = () => {
              if (!condition()) return false;
              requestAnimationFrame(() => setTimeout(() => tell(performance.now())));
              return true;
            };
            if (look()) return;
            const observer = new MutationObserver(() => { if (look()) observer.disconnect(); });
            observer.observe(document, { childList: true, subtree: true, characterData: true });
          };
          when(() => rows().length > 0, at => window.firstRow = at);
          window.awaitRow = wanted => {
            window.found = undefined;
            let pressed;
            document.addEventListener('input', event => pressed = event.timeStamp, { capture: true, once: true });
            when(() => pressed !== undefined && rows().length === 1 && rows()[0].textContent.includes(wanted), at => window.found = at - pressed);
          };
        })();
        """;
}
