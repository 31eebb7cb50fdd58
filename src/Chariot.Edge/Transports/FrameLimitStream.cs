using System.Buffers.Binary;

namespace Chariot.Edge.Transports;

/// <summary>
/// The stream under a WebSocket. Follows the frames that come in, and ends the connection at the header of one that declares more
/// than <paramref name="largestFrame"/> bytes (1009, RFC 6455 section 7.4.1) or is not masked (1002, section 5.1; the runtime takes
/// such frames). Lets everything else pass unchanged.
/// One read at a time; each write is whole frames.
/// </summary>
internal sealed class FrameLimitStream(Stream inner, long largestFrame) : Stream
{
    /// <summary>Bytes of a header without the mask: two, and up to eight of extended length (RFC 6455 section 5.2).</summary>
    private const int LongestHeader = 10;

    private const int MaskLength = 4;

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);
    private static readonly byte[] s_closeTooBig = [0x88, 0x02, 1009 >> 8, 1009 & 0xFF];
    private static readonly byte[] s_closeProtocolError = [0x88, 0x02, 1002 >> 8, 1002 & 0xFF];

    private readonly byte[] _header = new byte[LongestHeader];
    private int _headerLength;
    private long _payloadLeft;
    private volatile bool _refused;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_refused)
        {
            return 0;
        }

        var read = await inner.ReadAsync(buffer, cancellationToken);
        if (Follow(buffer.Span[..read]) is not { } close)
        {
            return read;
        }

        _refused = true;
        await inner.WriteAsync(close, cancellationToken);
        await DrainAsync(buffer);
        return 0;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        _refused ? default : inner.WriteAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>The Close frame to answer with, or null when all is well.</summary>
    private byte[]? Follow(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_payloadLeft > 0)
            {
                var passed = (int)Math.Min(_payloadLeft, bytes.Length);
                _payloadLeft -= passed;
                bytes = bytes[passed..];
                continue;
            }

            _header[_headerLength++] = bytes[0];
            bytes = bytes[1..];
            if (_headerLength == 2 && (_header[1] & 0x80) == 0)
            {
                return s_closeProtocolError;
            }

            if (TryReadLength(out var length))
            {
                if (length > (ulong)largestFrame)
                {
                    return s_closeTooBig;
                }

                _payloadLeft = (long)length + MaskLength;
                _headerLength = 0;
            }
        }

        return null;
    }

    private bool TryReadLength(out ulong length)
    {
        length = 0;
        if (_headerLength < 2)
        {
            return false;
        }

        switch (_header[1] & 0x7F)
        {
            case 126:
                length = BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(2));
                return _headerLength == 4;
            case 127:
                length = BinaryPrimitives.ReadUInt64BigEndian(_header.AsSpan(2));
                return _headerLength == LongestHeader;
            case var inPlace:
                length = (ulong)inPlace;
                return true;
        }
    }

    /// <summary>Closing with unread bytes resets the connection, and the client would not see why.</summary>
    private async Task DrainAsync(Memory<byte> buffer)
    {
        using var timeout = new CancellationTokenSource(DrainTime);
        while (await inner.ReadAsync(buffer, timeout.Token) > 0)
        {
        }
    }
}
