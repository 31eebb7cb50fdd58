using System.Threading.Channels;
using Chariot.Edge.Transports;

namespace Chariot.Edge.Tests.Kit;

/// <summary>A client at the other end of a wire that the test holds in its hands.</summary>
internal sealed class ScriptedTransport : ITransport
{
    private readonly Channel<byte[]> _arriving = Channel.CreateUnbounded<byte[]>();
    private readonly List<byte> _sent = [];
    private byte[] _rest = [];

    /// <summary>What a send does; null takes everything at once.</summary>
    public Func<ReadOnlyMemory<byte>, ValueTask<int>>? OnSend { get; set; }

    public int EndedSending { get; private set; }

    public bool Aborted { get; private set; }

    /// <summary>Largest buffer that a receive was given, bytes.</summary>
    public int LargestRoom { get; private set; }

    /// <summary>The buffer that the last receive was given, bytes.</summary>
    public int Room { get; private set; }

    public string RemoteAddress => "127.0.0.1:1";

    public bool Secure => false;

    public byte[] Sent
    {
        get
        {
            lock (_sent)
            {
                return [.. _sent];
            }
        }
    }

    public byte[] TakeSent()
    {
        lock (_sent)
        {
            byte[] taken = [.. _sent];
            _sent.Clear();
            return taken;
        }
    }

    public void Arrive(byte[] bytes) => _arriving.Writer.TryWrite(bytes);

    /// <summary>Pieces that were not received yet.</summary>
    public int Waiting => _arriving.Reader.Count;

    public void EndOfStream() => _arriving.Writer.TryComplete();

    public async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        LargestRoom = Math.Max(LargestRoom, buffer.Length);
        Room = buffer.Length;
        if (_rest.Length == 0)
        {
            if (!await _arriving.Reader.WaitToReadAsync())
            {
                return 0;
            }

            _arriving.Reader.TryRead(out _rest!);
        }

        var taken = Math.Min(buffer.Length, _rest.Length);
        _rest.AsMemory(0, taken).CopyTo(buffer);
        _rest = _rest[taken..];
        return taken;
    }

    public async ValueTask<int> SendAsync(ReadOnlyMemory<byte> buffer)
    {
        var taken = OnSend is null ? buffer.Length : await OnSend(buffer);
        lock (_sent)
        {
            _sent.AddRange(buffer[..taken].Span);
        }

        return taken;
    }

    public void EndSending() => EndedSending++;

    public void Abort()
    {
        Aborted = true;
        _arriving.Writer.TryComplete(new IOException("aborted"));
    }
}
