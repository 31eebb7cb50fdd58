namespace Chariot.TestKit.Certificates;

/// <summary>The three files of one upload: their bytes as Latin-1 text, null for a file that is left out.</summary>
public sealed record BundleFiles(string? Key, string? Certificate, string? Chain)
{
    /// <summary>Of the key; null when none is sent.</summary>
    public string? Passphrase { get; init; }
}

/// <summary>
/// One bad, odd or good input and the finding that must be among the answers. <see cref="Code"/> is empty for input that draws no
/// finding at all. <see cref="Block"/> and <see cref="Line"/> are null where the finding is about the whole file.
/// </summary>
/// <param name="Severity">As the API writes it: <c>error</c>, <c>warning</c>, <c>info</c>.</param>
/// <param name="File">As the API writes it: <c>privateKey</c>, <c>serverCertificate</c>, <c>caChain</c>.</param>
public sealed record BundleCase(string Code, string Severity, string File, int? Block, int? Line, Func<BundleFiles> Input)
{
    private readonly Lazy<BundleFiles> _files = new(Input);

    /// <summary>What <see cref="Input"/> makes, made once: some of it costs seconds.</summary>
    public BundleFiles Files => _files.Value;

    /// <summary>Words that message or remedy must have.</summary>
    public string Says { get; init; } = "";

    /// <summary>Over HTTP the file is refused before it is read.</summary>
    public bool IsTooLarge { get; init; }

    public bool IsError => Severity == "error";
}
