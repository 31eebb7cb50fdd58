using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.TestKit.Certificates;

/// <summary>
/// The table of bad and odd certificate uploads, one case at least for each row of it that a set of files can provoke; the number
/// in a name is the row. The validator is tested with it in process, the running broker over HTTP. Files are made when a case is run.
/// </summary>
public static partial class BundleTable
{
    private const string Server = "serverCertificate";
    private const string Chain = "caChain";

    public static IReadOnlyDictionary<string, BundleCase> Cases { get; } = new Dictionary<string, BundleCase>(
        new[] { PassphraseRows(), KeyRows(), FileRows(), CertificateRows(), ChainRows() }.SelectMany(rows => rows));

    private static BundleCase Odd(string code, string severity, string file, int? block, int? line, Func<BundleFiles> input, string says = "") =>
        new(code, severity, file, block, line, input) { Says = says };

    private static BundleCase OfServer(string code, string severity, Func<string> certificate, string says = "") =>
        new(code, severity, Server, 1, 1, () => Bundle(certificate: certificate())) { Says = says };

    private static BundleCase OfChain(string code, string severity, int? block, int? line, Func<string> chain, string says = "") =>
        new(code, severity, Chain, block, line, () => Bundle(chain: chain())) { Says = says };

    /// <summary>Input that has one meaning and draws no finding.</summary>
    private static BundleCase Sound(Func<BundleFiles> input) => new("", "none", "", null, null, input);

    private static int LineCount(string text) => text.TrimEnd('\n').Split('\n').Length;

    /// <summary>The line at which a block appended to <paramref name="text"/> begins.</summary>
    private static int LineAfter(string text) => LineCount(text) + 1;
}
