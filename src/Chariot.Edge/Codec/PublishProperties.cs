namespace Chariot.Edge.Codec;

/// <summary>What <see cref="PublishReader"/> keeps of a property block.</summary>
internal struct PublishProperties
{
    public ushort TopicAlias;
    public byte PayloadFormat;
    public uint? MessageExpirySeconds;

    /// <summary>Where the first property to forward begins and the last one ends, and how many bytes they have together.</summary>
    public int ForwardedStart;
    public int ForwardedEnd;
    public int ForwardedLength;
}
