using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Server;

/// <summary>Answers that closing HTTPS has to wait for: those that tell of the closing itself.</summary>
internal sealed class AnswersInFlight
{
    private readonly Lock _lock = new();
    private int _held;
    private TaskCompletionSource? _released;

    /// <summary>Completed while nothing is held.</summary>
    public Task Released
    {
        get
        {
            lock (_lock)
            {
                return _released?.Task ?? Task.CompletedTask;
            }
        }
    }

    /// <summary>Holds until the answer of <paramref name="context"/> has been sent or its caller is gone.</summary>
    public void Hold(HttpContext context)
    {
        lock (_lock)
        {
            _held++;
            _released ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        context.Response.OnCompleted(() =>
        {
            Release();
            return Task.CompletedTask;
        });
    }

    private void Release()
    {
        lock (_lock)
        {
            if (--_held == 0)
            {
                _released!.SetResult();
                _released = null;
            }
        }
    }
}
