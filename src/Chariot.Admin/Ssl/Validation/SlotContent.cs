using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>One uploaded file taken apart into PEM blocks. Disposing it wipes them.</summary>
internal sealed class SlotContent : IDisposable
{
    private const int MaximumBlocks = 20;

    private SlotContent(SslFile slot, string file, string recognised, List<PemBlock> blocks)
    {
        Slot = slot;
        File = file;
        Recognised = recognised;
        Blocks = blocks;
    }

    public SslFile Slot { get; }

    /// <summary>What the file is, when it is no PEM file.</summary>
    public string Recognised { get; }

    public List<PemBlock> Blocks { get; }

    /// <summary>The file as findings name it.</summary>
    public string File { get; }

    /// <summary>The file as findings name it.</summary>
    public static string NameOf(SslFile slot) => slot switch
    {
        SslFile.PrivateKey => "privateKey",
        SslFile.ServerCertificate => "serverCertificate",
        _ => "caChain",
    };

    /// <summary>Applies the limits, recognises foreign formats and reads the PEM blocks.</summary>
    /// <param name="name">The file as findings name it, when it is another one under the rules of <paramref name="slot"/>.</param>
    public static SlotContent Read(SslFile slot, ReadOnlySpan<byte> content, FindingList findings, string? name = null)
    {
        var at = new Place(name ?? NameOf(slot));
        var limit = slot == SslFile.CaChain ? 256 : 64;
        if (content.Length > limit * 1024)
        {
            return TooComplex(slot, at, $"The file has {content.Length} bytes; at most {limit} KiB are read.", findings);
        }

        if (content.TrimStart(" \t\r\n\v\f"u8).IsEmpty || content.SequenceEqual((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            return Refuse(slot, FileFormat.Empty(isMissing: Unsafe.IsNullRef(ref MemoryMarshal.GetReference(content))), at, findings);
        }

        if (FileFormat.Recognise(content) is { } foreign)
        {
            return Refuse(slot, foreign, at, findings);
        }

        if (PemReader.CountBlocks(content) > MaximumBlocks)
        {
            return TooComplex(slot, at, $"The file has more than {MaximumBlocks} PEM blocks.", findings);
        }

        var errors = findings.Errors;
        var blocks = PemReader.Read(content, at.File, findings);
        if (blocks.Count == 0 && findings.Errors == errors)
        {
            return Refuse(slot, FileFormat.NotPem(default), at, findings);
        }

        return new SlotContent(slot, at.File, "PEM file", blocks);
    }

    public void Dispose()
    {
        foreach (var block in Blocks)
        {
            block.Dispose();
        }
    }

    private static SlotContent TooComplex(SslFile slot, Place at, string message, FindingList findings)
    {
        findings.Error("file.too-complex", at, message, "Upload only the blocks that belong in this slot.");
        return new SlotContent(slot, at.File, "file that is too large", []);
    }

    private static SlotContent Refuse(SslFile slot, FileFormat format, Place at, FindingList findings)
    {
        findings.Error(format.Code, at, format.Message, format.Remedy);
        return new SlotContent(slot, at.File, format.Name, []);
    }
}
