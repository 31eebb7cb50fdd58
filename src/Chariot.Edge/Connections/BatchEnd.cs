namespace Chariot.Edge.Connections;

/// <summary>Why a batch ended.</summary>
internal enum BatchEnd : byte
{
    /// <summary>Everything complete has been handled.</summary>
    NeedsMore,

    /// <summary>A control packet has to be handled before the packets behind it.</summary>
    Control,

    /// <summary>The connection is to be closed; the reason has been sent.</summary>
    Close,
}
