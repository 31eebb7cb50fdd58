using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>One uploaded file taken apart into PEM blocks. Disposing it wipes them.</summary>
internal sealed class SlotContent : IDisposable
{
    private const int MaximumBlocks = 20;

    private SlotContent(SslFile slot, string recognised, List<PemBlock> blocks)
    {
        Slot = slot;
        Recognised = recognised;
        Blocks = blocks;
    }

    public SslFile Slot { get; }

    /// <summary>What the file is, when it is no PEM file.</summary>
    public string Recognised { get; }

    public List<PemBlock> Blocks { get; }

    public string File => NameOf(Slot);

    /// <summary>The file as findings name it.</summary>
    public static string NameOf(SslFile slot) => slot switch
    {
        SslFile.PrivateKey => "privateKey",
        SslFile.ServerCertificate => "serverCertificate",
        _ => "caChain",
    };

    /// <summary>Applies the limits, recognises foreign formats and reads the PEM blocks.</summary>
    public static SlotContent Read(SslFile slot, ReadOnlySpan<byte> content, FindingList findings)
    {
        var at = new Place(NameOf(slot));
        var limit = slot == SslFile.CaChain ? 256 : 64;
        if (content.Length > limit * 1024)
        {
            return TooComplex(slot, $"The file has {content.Length} bytes; at most {limit} KiB are read.", findings);
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
            return TooComplex(slot, $"The file has more than {MaximumBlocks} PEM blocks.", findings);
        }

        var errors = findings.Errors;
        var blocks = PemReader.Read(content, at.File, findings);
        if (blocks.Count == 0 && findings.Errors == errors)
        {
            return Refuse(slot, FileFormat.NotPem(default), at, findings);
        }

        return new SlotContent(slot, "PEM file", blocks);
    }

    public void Dispose()
    {
        foreach (var block in Blocks)
        {
            block.Dispose();
        }
    }

    private static SlotContent TooComplex(SslFile slot, string message, FindingList findings)
    {
        findings.Error("file.too-complex", new Place(NameOf(slot)), message, "Upload only the blocks that belong in this slot.");
        return new SlotContent(slot, "file that is too large", []);
    }

    private static SlotContent Refuse(SslFile slot, FileFormat format, Place at, FindingList findings)
    {
        findings.Error(format.Code, at, format.Message, format.Remedy);
        return new SlotContent(slot, format.Name, []);
    }
}
