using System.Collections.Concurrent;
using Chariot.TestKit.Broker;
using Microsoft.Playwright;

namespace Chariot.Ui.Tests.Kit;

/// <summary>One browser profile with one page. Whatever the content security policy refused fails the test at its end.</summary>
public sealed class UiSession : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly ConcurrentQueue<string> _violations = new();

    public UiSession(BrokerProcess broker, IBrowserContext context, IPage page)
    {
        (Broker, _context, Page) = (broker, context, page);
        page.Console += (_, message) =>
        {
            if (message.Text.Contains("Content Security Policy", StringComparison.Ordinal) || message.Text.Contains("Unhandled exception", StringComparison.Ordinal))
            {
                _violations.Enqueue(message.Text);
            }
        };
        page.PageError += (_, error) => _violations.Enqueue(error);
    }

    public BrokerProcess Broker { get; }

    public IPage Page { get; }

    public IBrowserContext Context => _context;

    public ILocator Heading(string text) => Page.GetByRole(AriaRole.Heading, new() { Name = text, Exact = true });

    public ILocator Button(string text) => Page.GetByRole(AriaRole.Button, new() { Name = text, Exact = true });

    public ILocator Label(string text) => Page.GetByLabel(text, new() { Exact = true });

    public void Fail(IEnumerable<string> reasons)
    {
        foreach (var reason in reasons)
        {
            _violations.Enqueue(reason);
        }
    }

    public async Task FillSignInAsync(string username, string password)
    {
        await Label("Username").FillAsync(username);
        await Label("Password").FillAsync(password);
        await Button("Sign in").ClickAsync();
    }

    /// <summary>Signs in on the sign-in page and waits for <paramref name="path"/>.</summary>
    public async Task SignInAsync(string path = "/", string username = "admin", string password = BrokerOptions.DefaultPassword)
    {
        await Page.GotoAsync(path);
        await FillSignInAsync(username, password);
        await Page.WaitForURLAsync("**" + path);
        await Assertions.Expect(Page.Locator("main h1")).ToBeVisibleAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await this.KeepLastAsync(_violations);
        await _context.CloseAsync();
        if (!_violations.IsEmpty)
        {
            Assert.Fail(string.Join('\n', _violations));
        }
    }
}
