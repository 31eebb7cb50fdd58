namespace Chariot.Cluster.Secrets;

/// <summary>The master key file cannot be used. The message is one sentence that names the file and what to do; a start-up error (exit code 2).</summary>
public sealed class MasterKeyException : Exception
{
    public MasterKeyException()
    {
    }

    public MasterKeyException(string message)
        : base(message)
    {
    }

    public MasterKeyException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
