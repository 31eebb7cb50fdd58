namespace Chariot.Edge.Limiting;

/// <summary>How many connections of this node use each credential. Counted with and without a limit, so that one may be set later.</summary>
internal sealed class CredentialConnections
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    /// <summary>Counts one more, unless the limit is reached.</summary>
    /// <param name="maximum">0 for any.</param>
    /// <param name="replaces">It takes the place of another connection of the credential, which is still counted.</param>
    public bool TryEnter(string username, int maximum, bool replaces)
    {
        lock (_gate)
        {
            var count = _counts.GetValueOrDefault(username);
            if (maximum > 0 && count - (replaces ? 1 : 0) >= maximum)
            {
                return false;
            }

            _counts[username] = count + 1;
            return true;
        }
    }

    public void Leave(string username)
    {
        lock (_gate)
        {
            if (_counts.TryGetValue(username, out var count) && count > 1)
            {
                _counts[username] = count - 1;
            }
            else
            {
                _counts.Remove(username);
            }
        }
    }
}
