using Chariot.Abstractions.Configuration;

namespace Chariot.Edge.Limiting;

/// <summary>
/// The rate of one client's messages and bytes. Asked once for each read, and only while a limit is set. Above the limit the reads wait, but
/// none for longer than a second: a PINGREQ or DISCONNECT behind the flood is read in time, and a client that brings more than ten times
/// its rate even so is known for what it is.
/// </summary>
internal sealed class InboundRate
{
    private const int Excess = 10;
    private const int SecondsOfExcess = 10;

    private EventRate _messages;
    private EventRate _bytes;
    private long _second = long.MinValue;
    private long _messagesInSecond;
    private long _bytesInSecond;
    private int _secondsOver;

    /// <summary>Counts what was read and answers how long to wait before the next read.</summary>
    /// <param name="now">Timestamp, in <paramref name="frequency"/> a second.</param>
    /// <param name="exceeded">More than ten times the rate in each of ten seconds: to be closed.</param>
    public TimeSpan Take(long messages, long bytes, MqttLimits limits, long now, long frequency, out bool exceeded)
    {
        exceeded = CloseSecond(limits, now, frequency);
        _messagesInSecond += messages;
        _bytesInSecond += bytes;
        var wait = 0L;
        if (limits.MaximumMessageRate > 0)
        {
            wait = _messages.Count(messages, limits.MaximumMessageRate, now, frequency);
        }

        if (limits.MaximumByteRate > 0)
        {
            wait = Math.Max(wait, _bytes.Count(bytes, limits.MaximumByteRate, now, frequency));
        }

        if (wait > frequency)
        {
            wait = frequency;
            _messages.Forgive(frequency, now, frequency);
            _bytes.Forgive(frequency, now, frequency);
        }

        return TimeSpan.FromSeconds((double)wait / frequency);
    }

    private bool CloseSecond(MqttLimits limits, long now, long frequency)
    {
        if (_second != long.MinValue && now - _second < frequency)
        {
            return false;
        }

        var over = IsOver(_messagesInSecond, limits.MaximumMessageRate) || IsOver(_bytesInSecond, limits.MaximumByteRate);
        // After a second without a read there was no flood in it.
        _secondsOver = over && now - _second < 2 * frequency ? _secondsOver + 1 : 0;
        (_second, _messagesInSecond, _bytesInSecond) = (now, 0, 0);
        return _secondsOver >= SecondsOfExcess;
    }

    private static bool IsOver(long count, int limit) => limit > 0 && count > (long)limit * Excess;
}
