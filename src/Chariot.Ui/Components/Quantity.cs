using System.Globalization;

namespace Chariot.Ui.Components;

/// <summary>Numbers as people read them.</summary>
internal static class Quantity
{
    private static readonly string[] ByteUnits = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Rate(double perSecond) => (perSecond is > 0 and < 10 ? perSecond.ToString("0.0", CultureInfo.InvariantCulture) : perSecond.ToString("N0", CultureInfo.InvariantCulture)) + "/s";

    public static string Bytes(double value)
    {
        var unit = 0;
        while (value >= 1024 && unit < ByteUnits.Length - 1)
        {
            (value, unit) = (value / 1024, unit + 1);
        }

        return value.ToString(unit == 0 || value >= 100 ? "N0" : "0.0", CultureInfo.InvariantCulture) + " " + (unit == 0 && value == 1 ? "byte" : ByteUnits[unit]);
    }

    /// <summary>Days, hours, minutes or seconds: the two largest that are not 0.</summary>
    public static string Duration(TimeSpan time)
    {
        (long Value, string Unit)[] parts = [((long)time.TotalDays, "day"), (time.Hours, "hour"), (time.Minutes, "minute"), (time.Seconds, "second")];
        var said = parts.SkipWhile(p => p.Value == 0).Take(2).Where(p => p.Value > 0).Select(p => $"{Count(p.Value)} {p.Unit}{(p.Value == 1 ? "" : "s")}").ToList();
        return said.Count == 0 ? "0 seconds" : string.Join(" ", said);
    }
}
