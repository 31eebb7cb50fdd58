namespace Chariot.Edge.Sessions;

/// <summary>
/// CONNECTs that have asked the session grain and have not taken their session yet. What the grain decided in one order may come here in
/// another: who takes a session, or has it released, waits for those that the grain served before it.
/// </summary>
internal sealed class SessionOpenings
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<Opening>> _underWay = new(StringComparer.Ordinal);

    /// <summary>Before the grain is asked; disposed when the session is taken, or will not be.</summary>
    public Opening Begin(string clientId)
    {
        var opening = new Opening(this, clientId);
        lock (_gate)
        {
            if (!_underWay.TryGetValue(clientId, out var openings))
            {
                _underWay[clientId] = openings = [];
            }

            openings.Add(opening);
        }

        return opening;
    }

    /// <summary>Completes when every CONNECT under way now has taken its session, or is known to come after <paramref name="epoch"/>.</summary>
    public Task WhenTakenAsync(string clientId, long epoch)
    {
        lock (_gate)
        {
            return _underWay.TryGetValue(clientId, out var openings)
                ? Task.WhenAll(openings.Select(opening => opening.WhenTakenAsync(epoch)))
                : Task.CompletedTask;
        }
    }

    private void End(Opening opening, string clientId)
    {
        lock (_gate)
        {
            if (_underWay.TryGetValue(clientId, out var openings) && openings.Remove(opening) && openings.Count == 0)
            {
                _underWay.Remove(clientId);
            }
        }
    }

    internal sealed class Opening(SessionOpenings openings, string clientId) : IDisposable
    {
        private readonly TaskCompletionSource<long> _epoch = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _taken = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The grain has answered.</summary>
        public void Answered(long epoch) => _epoch.TrySetResult(epoch);

        public async Task WhenTakenAsync(long epoch)
        {
            if (await _epoch.Task < epoch)
            {
                await _taken.Task;
            }
        }

        public void Dispose()
        {
            openings.End(this, clientId);
            _taken.TrySetResult();
            _epoch.TrySetResult(0);
        }
    }
}
