using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Grains.Configuration;

/// <summary>The certificate: staged uploads, prepare-then-activate, deletion, and erasing what was dropped.</summary>
internal sealed partial class ConfigurationGrain
{
    private static readonly TimeSpan EraseRetry = TimeSpan.FromMinutes(1);

    public ValueTask<ImmutableDictionary<SslFile, StagedSslFile>> GetStagedAsync() => ValueTask.FromResult(WithPendingKey(Unexpired(_committed.Staged)));

    public ValueTask<ImmutableArray<SslSetupRecord>> GetSslHistoryAsync() => ValueTask.FromResult(_committed.History);

    public async ValueTask StageAsync(SslFile file, StagedSslFile? staged)
    {
        var before = _committed.Staged;
        var pending = _committed.PendingKey;
        var after = Unexpired(before);
        if (staged is { GeneratedKeyId: not null })
        {
            (after, pending) = (after.Remove(file), staged);
        }
        else if (staged is not null)
        {
            after = after.SetItem(file, staged);
        }
        else if (after.ContainsKey(file))
        {
            after = after.Remove(file);
        }
        else if (file == SslFile.PrivateKey)
        {
            pending = null;
        }

        var dropped = before.Any(entry => !after.TryGetValue(entry.Key, out var kept) || !ReferenceEquals(kept, entry.Value))
            || (_committed.PendingKey is not null && !ReferenceEquals(pending, _committed.PendingKey));
        await CommitAsync(_committed with { Staged = after, PendingKey = pending, EraseDue = _committed.EraseDue || dropped });
        ScheduleUpkeep();
    }

    public async ValueTask<ChangeResult> SetupSslAsync(SslConfiguration candidate, bool replace, long? expectedRevision)
    {
        if (!replace && _committed.Current.Ssl is not null)
        {
            return Refuse(ChangeOutcome.AlreadySetUp);
        }

        if (IsStale(expectedRevision))
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        var prepared = await _silos.PrepareSslAsync(candidate);
        if (prepared.Any(node => node.Error is not null))
        {
            await _silos.AbandonSslAsync(candidate.SetupId);
            return new ChangeResult(ChangeOutcome.SiloCannotActivate, Revision, prepared);
        }

        try
        {
            await CommitAsync(WithSsl(candidate, prepared.Select(node => node.SslRevisionSeen).DefaultIfEmpty().Max()));
        }
        catch
        {
            await _silos.AbandonSslAsync(candidate.SetupId);
            throw;
        }

        var result = await PushAsync();
        // Not waited for: the answer promises the new certificate, erasing the old key may take as long as the store is large.
        ScheduleUpkeep();
        return result;
    }

    public async ValueTask<ChangeResult> DeleteSslAsync(long? expectedRevision)
    {
        if (IsStale(expectedRevision))
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        // Without a set-up this finishes an earlier deletion: a push or an erasure may have failed after its commit.
        if (_committed.Current.Ssl is not null)
        {
            await CommitAsync(WithSsl(null, seen: 0));
        }
        else if (!_committed.Staged.IsEmpty || _committed.PendingKey is not null)
        {
            await CommitAsync(_committed with { Staged = _committed.Staged.Clear(), PendingKey = null, EraseDue = true });
        }

        var result = await PushAsync();
        try
        {
            await EraseAsync();
        }
        catch (Exception error)
        {
            // Without erasure the deletion is not what it promises; the caller may ask again, and it is retried meanwhile.
            LogEraseFailed(error, EraseRetry.TotalSeconds);
            ScheduleUpkeep(EraseRetry);
            throw;
        }

        return result;
    }

    // One write for certificate and staged set: no moment at which a set-up is active and its uploads are still there.
    private ConfigurationState WithSsl(SslConfiguration? ssl, long seen)
    {
        // A key that waits for its certificate outlives a set-up with another key.
        var takesPending = ssl is null || ssl.GeneratedKeyId == _committed.PendingKey?.GeneratedKeyId;
        var next = _committed.NextSsl(_committed.Current with { Ssl = ssl, Admin = ssl is null ? new AdminSettings() : _committed.Current.Admin }, seen);
        return next.WithHistory(ssl, time.GetUtcNow()) with
        {
            Staged = _committed.Staged.Clear(),
            PendingKey = takesPending ? null : _committed.PendingKey,
            EraseDue = _committed.EraseDue || _committed.Current.Ssl is not null || !_committed.Staged.IsEmpty || (takesPending && _committed.PendingKey is not null),
        };
    }

    private async Task UpkeepAsync(CancellationToken cancellationToken)
    {
        try
        {
            var unexpired = Unexpired(_committed.Staged);
            if (unexpired.Count < _committed.Staged.Count)
            {
                await CommitAsync(_committed with { Staged = unexpired, EraseDue = true });
            }

            await EraseAsync();
            ScheduleUpkeep();
        }
        catch (Exception error)
        {
            LogEraseFailed(error, EraseRetry.TotalSeconds);
            ScheduleUpkeep(EraseRetry);
        }
    }

    private async Task EraseAsync()
    {
        if (_committed.EraseDue)
        {
            await store.EraseAsync();
            await CommitAsync(_committed with { EraseDue = false });
        }
    }

    private void ScheduleUpkeep(TimeSpan? retry = null)
    {
        var due = Timeout.InfiniteTimeSpan;
        if (_committed.EraseDue)
        {
            due = retry ?? TimeSpan.Zero;
        }
        else if (!_committed.Staged.IsEmpty)
        {
            var wait = _committed.Staged.Values.Min(staged => staged.ExpiresAt) - time.GetUtcNow();
            due = wait > TimeSpan.Zero ? wait : retry ?? TimeSpan.Zero;
        }

        _upkeep!.Change(due, Timeout.InfiniteTimeSpan);
    }

    private ImmutableDictionary<SslFile, StagedSslFile> WithPendingKey(ImmutableDictionary<SslFile, StagedSslFile> staged) =>
        _committed.PendingKey is not { } pending || staged.ContainsKey(SslFile.PrivateKey) ? staged : staged.Add(SslFile.PrivateKey, pending);

    private ImmutableDictionary<SslFile, StagedSslFile> Unexpired(ImmutableDictionary<SslFile, StagedSslFile> staged) =>
        staged.RemoveRange(staged.Where(entry => entry.Value.ExpiresAt <= time.GetUtcNow()).Select(entry => entry.Key));
}
