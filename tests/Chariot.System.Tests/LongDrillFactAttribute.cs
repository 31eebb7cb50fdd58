namespace Chariot.SystemTests;

/// <summary>A test whose only form takes minutes; skipped unless <c>CHARIOT_DRILL=long</c>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LongDrillFactAttribute : FactAttribute
{
    public LongDrillFactAttribute() => Skip = Drill.IsLong ? null : "takes minutes; CHARIOT_DRILL=long runs it";
}
