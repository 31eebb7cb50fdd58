using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>
/// Walks the property block of one MQTT 5.0 packet (section 2.2.2) and judges each property: known, allowed here, not repeated,
/// of its type, in its range. Stops at the first fault; <see cref="Error"/> says which.
/// </summary>
/// <param name="block">The block without its length.</param>
/// <param name="allowed">One of the sets of <see cref="PropertyId"/>.</param>
internal ref struct PropertyReader(ReadOnlySpan<byte> block, ulong allowed)
{
    /// <summary>User properties allowed in one block. The standard has no limit; parsing and storing need one.</summary>
    public const int MaximumUserProperties = 64;

    /// <summary>Encoded bytes of user properties allowed in one block.</summary>
    public const int MaximumUserPropertyBytes = 8 * 1024;

    private readonly int _length = block.Length;
    private BodyReader _reader = new(block);
    private ulong _seen;
    private int _userProperties;
    private int _userPropertyBytes;

    /// <summary>A value of <see cref="PropertyId"/>.</summary>
    public byte Id { get; private set; }

    /// <summary>Value of a numeric property.</summary>
    public uint Number { get; private set; }

    /// <summary>Value of a text or binary property; nothing for a user property.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>Where the current property begins in the block, and where it ends.</summary>
    public int Start { get; private set; }

    public readonly int End => _length - _reader.Rest.Length;

    /// <summary>Success, or why <see cref="MoveNext"/> stopped early.</summary>
    public ReasonCode Error { get; private set; }

    public bool MoveNext()
    {
        if (_reader.AtEnd)
        {
            return false;
        }

        Start = End;
        if (!_reader.TryReadVariable(out var id) || id >= 64 || (allowed >> (int)id & 1) == 0)
        {
            return Fail(ReasonCode.MalformedPacket);
        }

        Id = (byte)id;
        if (id == PropertyId.UserProperty)
        {
            return ReadUserProperty();
        }

        var bit = 1UL << (int)id;
        if ((_seen & bit) != 0)
        {
            return Fail(ReasonCode.ProtocolError);
        }

        _seen |= bit;
        return ReadValue() ? CheckValue() : Fail(ReasonCode.MalformedPacket);
    }

    private bool ReadUserProperty()
    {
        if (!_reader.TryReadText(out _) || !_reader.TryReadText(out _))
        {
            return Fail(ReasonCode.MalformedPacket);
        }

        _userPropertyBytes += End - Start;
        return ++_userProperties <= MaximumUserProperties && _userPropertyBytes <= MaximumUserPropertyBytes || Fail(ReasonCode.QuotaExceeded);
    }

    private bool ReadValue()
    {
        switch (Id)
        {
            case PropertyId.PayloadFormatIndicator or PropertyId.RequestProblemInformation or PropertyId.RequestResponseInformation
                or PropertyId.MaximumQos or PropertyId.RetainAvailable or PropertyId.WildcardSubscriptionAvailable
                or PropertyId.SubscriptionIdentifiersAvailable or PropertyId.SharedSubscriptionAvailable:
                var read = _reader.TryReadByte(out var one);
                Number = one;
                return read;

            case PropertyId.ServerKeepAlive or PropertyId.ReceiveMaximum or PropertyId.TopicAliasMaximum or PropertyId.TopicAlias:
                read = _reader.TryReadUInt16(out var two);
                Number = two;
                return read;

            case PropertyId.MessageExpiryInterval or PropertyId.SessionExpiryInterval or PropertyId.WillDelayInterval or PropertyId.MaximumPacketSize:
                read = _reader.TryReadUInt32(out var four);
                Number = four;
                return read;

            case PropertyId.SubscriptionIdentifier:
                read = _reader.TryReadVariable(out var variable);
                Number = variable;
                return read;

            case PropertyId.CorrelationData or PropertyId.AuthenticationData:
                read = _reader.TryReadBinary(out var bytes);
                Bytes = bytes;
                return read;

            default:
                read = _reader.TryReadText(out var text);
                Bytes = text;
                return read;
        }
    }

    private bool CheckValue()
    {
        switch (Id)
        {
            case PropertyId.PayloadFormatIndicator or PropertyId.RequestProblemInformation or PropertyId.RequestResponseInformation
                or PropertyId.MaximumQos or PropertyId.RetainAvailable or PropertyId.WildcardSubscriptionAvailable
                or PropertyId.SubscriptionIdentifiersAvailable or PropertyId.SharedSubscriptionAvailable:
                return Number <= 1 || Fail(ReasonCode.ProtocolError);

            case PropertyId.ReceiveMaximum or PropertyId.MaximumPacketSize or PropertyId.SubscriptionIdentifier:
                return Number != 0 || Fail(ReasonCode.ProtocolError);

            case PropertyId.TopicAlias:
                // [MQTT-3.3.2-8] with the code that section 2.4 has for it.
                return Number != 0 || Fail(ReasonCode.TopicAliasInvalid);

            case PropertyId.ResponseTopic:
                // [MQTT-3.3.2-14]; a topic name has at least one character [MQTT-4.7.3-1].
                return !(Bytes.IsEmpty || Utf8Text.HasWildcard(Bytes)) || Fail(ReasonCode.ProtocolError);

            default:
                return true;
        }
    }

    private bool Fail(ReasonCode error)
    {
        Error = error;
        return false;
    }
}
