namespace Chariot.Edge;

/// <summary>A port that the configuration names cannot be opened; the message names port and remedy.</summary>
public sealed class EdgePortException : Exception
{
    public EdgePortException()
    {
    }

    public EdgePortException(string message)
        : base(message)
    {
    }

    public EdgePortException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
