using Chariot.Admin.Nodes;
using Microsoft.AspNetCore.Components;

namespace Chariot.Ui.Status;

/// <summary>A page that is drawn anew with each sample of the nodes' counters.</summary>
public abstract class LivePage : ComponentBase, IDisposable
{
    private int _turn;
    private bool _isBusy;
    private bool _isGone;

    [Inject] private protected NodeHistory History { get; set; } = null!;

    /// <summary>Reads what is shown, on the page's own thread. <paramref name="turn"/> counts the samples since the page was opened.</summary>
    protected virtual Task OnSampledAsync(int turn) => Task.CompletedTask;

    protected override void OnInitialized() => History.Sampled += Follow;

    public void Dispose()
    {
        _isGone = true;
        History.Sampled -= Follow;
        GC.SuppressFinalize(this);
    }

    private void Follow() => _ = InvokeAsync(ShowAsync);

    private async Task ShowAsync()
    {
        // What takes longer than the time between samples is not asked twice at once.
        if (_isGone || _isBusy)
        {
            return;
        }

        _isBusy = true;
        try
        {
            await OnSampledAsync(++_turn);
            StateHasChanged();
        }
        catch (Exception error)
        {
            // Nobody awaits this: the page's error boundary shall show it.
            await DispatchExceptionAsync(error);
        }
        finally
        {
            _isBusy = false;
        }
    }
}
