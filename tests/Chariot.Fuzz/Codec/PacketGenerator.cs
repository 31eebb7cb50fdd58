using System.Buffers.Binary;
using System.Text;

namespace Chariot.Fuzz.Codec;

/// <summary>
/// Packets of every type a client may send, built field by field from a seed and then, most of them, damaged. Structure first: a
/// packet that is wrong in its first byte tests nothing behind it.
/// </summary>
internal sealed class PacketGenerator(int seed)
{
    /// <summary>Longest packet, bytes, before and after mutation.</summary>
    public const int Capacity = 2048;

    private static readonly byte[][] Words =
    [
        .. new[] { "", "a", "a/b", "+", "#", "a/+/b", "$share/g/t", "$SYS/x", "/", "a//b", "töpf", "MQTT", "\uFEFF", new string('x', 130) }.Select(Encoding.UTF8.GetBytes),
        [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x61, 0x00], [0xFF],
    ];

    // Which kind of value each property has: 1, 2, 4 bytes, v(ariable), t(ext), p(air).
    private static readonly (byte Id, char Kind)[] Properties =
    [
        (0x01, '1'), (0x02, '4'), (0x03, 't'), (0x08, 't'), (0x09, 't'), (0x0B, 'v'), (0x11, '4'), (0x12, 't'), (0x13, '2'), (0x15, 't'), (0x16, 't'), (0x17, '1'), (0x18, '4'),
        (0x19, '1'), (0x1A, 't'), (0x1C, 't'), (0x1F, 't'), (0x21, '2'), (0x22, '2'), (0x23, '2'), (0x24, '1'), (0x25, '1'), (0x26, 'p'), (0x27, '4'), (0x28, '1'), (0x29, '1'),
        (0x2A, '1'),
    ];

    private static readonly byte[][] Usual =
    [
        [], [0x11, 0x21, 0x27, 0x22, 0x17, 0x19, 0x15, 0x16, 0x26], [], [0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26], [0x1F, 0x26], [0x1F, 0x26], [0x1F, 0x26], [0x1F, 0x26],
        [0x0B, 0x26], [], [0x26], [], [], [], [0x11, 0x1F, 0x26], [0x15, 0x16, 0x1F, 0x26],
    ];

    private readonly Random _random = new(seed);
    private readonly byte[] _buffer = new byte[Capacity + 64];
    private int _length;

    /// <summary>The next packet; valid until the one after it.</summary>
    /// <param name="v5">With properties; otherwise 3.1.1.</param>
    /// <param name="damaged">Whether it was mutated; even if not, it need not be legal.</param>
    public ReadOnlySpan<byte> Next(bool v5, out bool damaged)
    {
        Build(v5);
        damaged = _random.Next(4) != 0;
        if (damaged)
        {
            Damage();
        }

        return _buffer.AsSpan(0, _length);
    }

    private void Build(bool v5)
    {
        var type = _random.Next(16) switch { 0 or 2 => 3, 9 or 11 => 8, 13 => 1, var any => any };
        var flags = type switch { 3 => _random.Next(16), 6 or 8 or 10 => 2, _ => 0 };
        _length = 5;
        switch (type)
        {
            case 1:
                Connect(v5);
                break;
            case 3:
                Word();
                if ((flags & 6) != 0)
                {
                    Number(2);
                }

                Block(v5, type);
                Raw(_random.Next(60));
                break;
            case 4 or 5 or 6 or 7:
                Number(2);
                if (_random.Next(2) == 0)
                {
                    Byte(_random.Next(3) == 0 ? _random.Next(256) : 0x92);
                    Block(v5 && _random.Next(2) == 0, type);
                }

                break;
            case 8 or 10:
                Number(2);
                Block(v5, type);
                for (var i = _random.Next(4); i >= 0; i--)
                {
                    Word();
                    if (type == 8)
                    {
                        Byte(_random.Next(5) == 0 ? _random.Next(256) : _random.Next(3));
                    }
                }

                break;
            case 14 or 15 when _random.Next(3) != 0:
                Byte(type == 15 ? 0x18 + _random.Next(2) : _random.Next(5));
                Block(v5, type);
                break;
        }

        Frame((type << 4) | flags);
    }

    private void Connect(bool v5)
    {
        Text(_random.Next(20) == 0 ? "MQIsdp"u8 : "MQTT"u8);
        Byte(v5 ? 5 : _random.Next(20) == 0 ? 3 : 4);
        var flags = _random.Next(256) & ~1;
        if ((flags & 4) == 0)
        {
            flags &= ~0x38;
        }

        Byte(flags);
        Number(2);
        Block(v5, 1);
        Word();
        if ((flags & 4) != 0)
        {
            Block(v5, 3);
            Word();
            Word();
        }

        for (var bit = 0x80; bit >= 0x40; bit >>= 1)
        {
            if ((flags & bit) != 0)
            {
                Word();
            }
        }
    }

    private void Block(bool v5, int type)
    {
        if (!v5)
        {
            return;
        }

        var at = _length++;
        for (var i = _random.Next(5); i > 0 && _length < 400; i--)
        {
            var usual = Usual[type];
            var id = usual.Length > 0 && _random.Next(10) != 0 ? usual[_random.Next(usual.Length)] : Properties[_random.Next(Properties.Length)].Id;
            Byte(id);
            switch (Array.Find(Properties, property => property.Id == id).Kind)
            {
                case '1':
                    Byte(_random.Next(3));
                    break;
                case '2':
                    Number(2);
                    break;
                case '4':
                    Number(4);
                    break;
                case 'v':
                    Byte(_random.Next(128));
                    break;
                case 'p':
                    Word();
                    Word();
                    break;
                default:
                    Word();
                    break;
            }
        }

        // One byte of length: longer blocks come from mutation.
        var length = _length - at - 1;
        if (length > 127)
        {
            _length = at + 128;
            length = 127;
        }

        _buffer[at] = (byte)length;
    }

    private void Frame(int first)
    {
        var remaining = _length - 5;
        Span<byte> header = stackalloc byte[5];
        header[0] = (byte)first;
        var size = 1;
        var rest = remaining;
        do
        {
            header[size++] = (byte)((rest & 0x7F) | (rest > 127 ? 0x80 : 0));
            rest >>= 7;
        }
        while (rest > 0);
        _buffer.AsSpan(5, remaining).CopyTo(_buffer.AsSpan(size));
        header[..size].CopyTo(_buffer);
        _length = size + remaining;
    }

    private void Damage()
    {
        for (var i = 1 + _random.Next(4); i > 0; i--)
        {
            var at = _random.Next(_length);
            switch (_random.Next(7))
            {
                case 0:
                    _buffer[at] = (byte)_random.Next(256);
                    break;
                case 1:
                    _buffer[at] ^= (byte)(1 << _random.Next(8));
                    break;
                case 2:
                    _length = Math.Max(1, at);
                    break;
                case 3 when _length < Capacity:
                    _buffer.AsSpan(at, _length - at).CopyTo(_buffer.AsSpan(at + 1));
                    _length++;
                    break;
                case 4 when _length > 2:
                    _buffer.AsSpan(at + 1, _length - at - 1).CopyTo(_buffer.AsSpan(at));
                    _length--;
                    break;
                case 5:
                    // Somebody's length, wrong by a little or by all.
                    _buffer[at] = (byte)(_random.Next(2) == 0 ? 0xFF : _buffer[at] + _random.Next(-2, 3));
                    break;
                default:
                    var piece = _buffer.AsSpan(at, Math.Min(_length - at, Math.Min(40, Capacity - _length)));
                    piece.CopyTo(_buffer.AsSpan(_length));
                    _length += piece.Length;
                    break;
            }
        }

        // Mostly the frame is repaired, so that the decoders are reached and not only framing.
        if (_length is >= 2 and < 130 && _random.Next(6) != 0)
        {
            _buffer[1] = (byte)(_length - 2);
        }
    }

    private void Byte(int value) => _buffer[_length++] = (byte)value;

    private void Number(int size)
    {
        Span<byte> value = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(value, _random.Next(4) switch { 0 => 0, 1 => uint.MaxValue, _ => (uint)_random.Next(1, 300) });
        value[(4 - size)..].CopyTo(_buffer.AsSpan(_length));
        _length += size;
    }

    private void Word() => Text(_random.Next(12) == 0 ? Words[_random.Next(Words.Length)] : Words[_random.Next(1, 4)]);

    private void Text(ReadOnlySpan<byte> text)
    {
        Byte(text.Length >> 8);
        Byte(text.Length);
        text.CopyTo(_buffer.AsSpan(_length));
        _length += text.Length;
    }

    private void Raw(int count)
    {
        _random.NextBytes(_buffer.AsSpan(_length, count));
        _length += count;
    }
}
