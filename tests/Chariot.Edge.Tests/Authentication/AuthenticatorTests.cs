using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Authentication;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Edge.Tests.Authentication;

public sealed class AuthenticatorTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddDays(20_000).AddMilliseconds(10));
    private readonly Feed _feed = new();
    private readonly Authenticator _authenticator;
    private readonly ScramAuthenticator _scram;

    public AuthenticatorTests()
    {
        _authenticator = new Authenticator(_feed, new Sealer(), _time);
        _scram = new ScramAuthenticator(_authenticator, _feed, new Sealer(), _time);
        Set("fast", Fast("right"));
        Set("slow", Slow("right"));
    }

    public void Dispose() => _authenticator.Dispose();

    [Theory]
    [InlineData("nobody", "right")]
    [InlineData("fast", "wrong")]
    [InlineData("slow", "wrong")]
    [InlineData("fast", "")]
    [InlineData("fast", null)]
    [InlineData("", "right")]
    [InlineData("", null)]
    [InlineData(null, "right")]
    [InlineData("off", "right")]
    public async Task WrongPairs_AreRefusedAlike_AndNeverAnonymous(string? username, string? password)
    {
        _feed.Current = new BrokerConfiguration { Mqtt = new MqttSettings { AllowAnonymous = true } };
        Set("off", Fast("right"), enabled: false);
        var asked = _time.GetUtcNow();

        var result = await Ask(username, password);

        Assert.Equal(ReasonCode.BadUserNameOrPassword, result.Reason);
        Assert.Null(result.Verifier);
        // The first point of the grid that is 250 ms away, whatever had to be computed.
        Assert.Equal(490, (_time.GetUtcNow() - asked).TotalMilliseconds, 10.0);
    }

    [Fact]
    public async Task TimeSpentOnHashing_DoesNotDelayTheRefusal()
    {
        var asked = _time.GetUtcNow();
        // 120 ms go by while the credential is looked up and the password is hashed.
        _feed.OnFind = () => _time.Advance(TimeSpan.FromMilliseconds(250));
        await Ask("slow", "wrong");

        Assert.Equal(490, (_time.GetUtcNow() - asked).TotalMilliseconds, 10.0);
    }

    [Theory]
    [InlineData(true, ReasonCode.Success)]
    [InlineData(false, ReasonCode.NotAuthorized)]
    public async Task WithoutUsernameAndPassword_TheAnonymousRuleDecides(bool allowed, ReasonCode expected)
    {
        _feed.Current = new BrokerConfiguration { Mqtt = new MqttSettings { AllowAnonymous = allowed } };

        var result = await Ask(null, null);

        Assert.Equal(expected, result.Reason);
        Assert.True(result.Principal.IsAnonymous);
    }

    [Theory]
    [InlineData("fast")]
    [InlineData("slow")]
    public async Task RightPassword_IsTakenAgainAndAgain_UntilItIsChanged(string username)
    {
        for (var i = 0; i < 3; i++)
        {
            var result = await Ask(username, "right");
            Assert.Equal((ReasonCode.Success, username), (result.Reason, result.Principal.Username));
        }

        Set(username, username == "fast" ? Fast("new") : Slow("new"));
        Assert.Equal(ReasonCode.BadUserNameOrPassword, (await Ask(username, "right")).Reason);
        Assert.Equal(ReasonCode.Success, (await Ask(username, "new")).Reason);

        Set(username, username == "fast" ? Fast("new") : Slow("new"), enabled: false);
        Assert.Equal(ReasonCode.BadUserNameOrPassword, (await Ask(username, "new")).Reason);
    }

    [Fact]
    public async Task UnreadableCredential_GrantsNothing()
    {
        _feed.OnFind = () => throw new TimeoutException();

        Assert.Equal(ReasonCode.ServerUnavailable, (await Ask("fast", "right")).Reason);
    }

    [Fact]
    public async Task FifthFailureIsFree_ThenTheyWaitLongerAndLonger_AndOthersDoNot()
    {
        for (var i = 0; i < 6; i++)
        {
            Assert.Equal(ReasonCode.BadUserNameOrPassword, (await Ask("fast", "wrong")).Reason);
        }

        // Blocked for 1 s from the sixth failure, of which the grid has used some.
        Assert.Equal(ReasonCode.ConnectionRateExceeded, (await Ask("fast", "right")).Reason);
        Assert.Equal(ReasonCode.Success, (await Ask("fast", "right", "10.0.0.2")).Reason);
        Assert.Equal(ReasonCode.Success, (await Ask("slow", "right")).Reason);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ReasonCode.BadUserNameOrPassword, (await Ask("fast", "wrong")).Reason);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ReasonCode.ConnectionRateExceeded, (await Ask("fast", "right")).Reason);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ReasonCode.Success, (await Ask("fast", "right")).Reason);
        Assert.Equal(ReasonCode.BadUserNameOrPassword, (await Ask("fast", "wrong")).Reason);
        Assert.Equal(ReasonCode.Success, (await Ask("fast", "right")).Reason);
    }

    [Fact]
    public void FailureThrottle_NeverWaitsMoreThanAMinute_AndForgetsAfterOne()
    {
        var throttle = new FailureThrottle(_time);
        for (var i = 0; i < 100; i++)
        {
            throttle.Failed("k");
        }

        Assert.True(throttle.IsBlocked("k"));
        _time.Advance(TimeSpan.FromSeconds(59.9));
        Assert.True(throttle.IsBlocked("k"));
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.False(throttle.IsBlocked("k"));
        _time.Advance(TimeSpan.FromMinutes(2));
        throttle.Failed("k");
        Assert.False(throttle.IsBlocked("k"));
    }

    [Fact]
    public void FailureThrottle_InAFlood_ForgetsTheOldestOnly()
    {
        var throttle = new FailureThrottle(_time);
        for (var i = 0; i < 200_000; i++)
        {
            throttle.Failed($"flood {i}");
            if (i == 100_000)
            {
                for (var failure = 0; failure < 20; failure++)
                {
                    throttle.Failed("guessed");
                }
            }
        }

        Assert.True(throttle.IsBlocked("guessed"));
        Assert.InRange(throttle.Count, 80_000, 105_000);
    }

    [Theory]
    [InlineData("fast", "right", ReasonCode.Success)]
    [InlineData("slow", "right", ReasonCode.Success)]
    [InlineData("slow", "wrong", ReasonCode.BadUserNameOrPassword)]
    [InlineData("nobody", "right", ReasonCode.BadUserNameOrPassword)]
    [InlineData("off", "right", ReasonCode.BadUserNameOrPassword)]
    [InlineData("old", "right", ReasonCode.BadUserNameOrPassword)]
    public async Task Scram_ProvesARightPassword_AndNothingElse(string username, string password, ReasonCode expected)
    {
        Set("off", Fast("right"), enabled: false);
        // Of the form before SCRAM: its hash is the salted password itself.
        Set("old", $"$pbkdf2-sha256$1000${Convert.ToBase64String(new byte[16])}${Convert.ToBase64String(Rfc2898DeriveBytes.Pbkdf2("right"u8, new byte[16], 1000, HashAlgorithmName.SHA256, 32))}");
        Assert.Equal(ReasonCode.Success, (await Ask("old", "right")).Reason);
        var (reason, outcome, client) = await Prove(username, password);

        Assert.Equal(ReasonCode.Success, reason);
        Assert.Equal(expected, outcome.Result.Reason);
        Assert.Equal(expected == ReasonCode.Success, client.Proves(outcome.ServerFinal));
        Assert.Equal(expected == ReasonCode.Success ? username : null, outcome.Result.Principal.Username);
    }

    [Fact]
    public async Task ScramChallenges_OfUnknownNames_StayTheSame_AndLookLikeOthers()
    {
        var rounds = new HashSet<string>();
        for (var i = 0; i < 40; i++)
        {
            var (first, again) = (await Challenge($"nobody{i}", _scram), await Challenge($"nobody{i}", new ScramAuthenticator(_authenticator, _feed, new Sealer(), _time)));
            Assert.Equal(first, again);
            rounds.Add(first.Split(",i=")[1]);
        }

        Assert.Equal(["4096", "600000"], rounds.Order());
        Assert.Equal(await Challenge("fast", _scram), await Challenge("fast", _scram));
    }

    [Fact]
    public async Task ScramFailures_AndWrongPasswords_CountTogether()
    {
        for (var i = 0; i < 3; i++)
        {
            await Ask("fast", "wrong");
            Assert.Equal(ReasonCode.BadUserNameOrPassword, (await Prove("fast", "wrong")).Outcome.Result.Reason);
        }

        Assert.Equal(ReasonCode.ConnectionRateExceeded, (await Ask("fast", "right")).Reason);
        Assert.Equal(ReasonCode.ConnectionRateExceeded, (await _scram.BeginAsync(new ScramClient("fast", "right").First(), null, "10.0.0.1", default)).Reason);
    }

    [Fact]
    public async Task Scram_OfAChangedCredential_OrAnotherName_IsRefused()
    {
        var client = new ScramClient("fast", "right");
        var start = await _scram.BeginAsync(client.First(), "fast", "10.0.0.1", default);
        Set("fast", Fast("right"));
        var finish = _scram.FinishAsync(start.Exchange!, client.Final(start.Challenge), "10.0.0.1", default).AsTask();
        Assert.Equal(ReasonCode.BadUserNameOrPassword, (await Wait(finish)).Result.Reason);

        Assert.Equal(ReasonCode.BadUserNameOrPassword, (await _scram.BeginAsync(client.First(), "slow", "10.0.0.1", default)).Reason);
    }

    private async Task<string> Challenge(string username, ScramAuthenticator scram)
    {
        var start = await scram.BeginAsync(new ScramClient(username, "x").First(), null, "10.0.0.1", default);
        Assert.Equal(ReasonCode.Success, start.Reason);
        return Encoding.UTF8.GetString(start.Challenge).Split(",s=")[1];
    }

    private async Task<(ReasonCode Reason, ScramOutcome Outcome, ScramClient Client)> Prove(string username, string password)
    {
        var client = new ScramClient(username, password);
        var start = await _scram.BeginAsync(client.First(), null, "10.0.0.1", default);
        return (start.Reason, await Wait(_scram.FinishAsync(start.Exchange!, client.Final(start.Challenge), "10.0.0.1", default).AsTask()), client);
    }

    private void Set(string username, string verifier, bool enabled = true) =>
        _feed.Credentials[username] = new CredentialRecord(username, verifier, ["#"], ["#"], enabled, 1);

    private static string Fast(string password) => PasswordVerifier.CreateGenerated(Encoding.UTF8.GetBytes(password), Sealer.Pepper);

    /// <summary>Few rounds: what matters here is which way is taken.</summary>
    private static string Slow(string password)
    {
        var keys = ScramKeys.Derive(Encoding.UTF8.GetBytes(password), RandomNumberGenerator.GetBytes(ScramKeys.SaltLength), 1000);
        return $"$scram-sha256$1000${Convert.ToBase64String(keys.Salt)}${Convert.ToBase64String(keys.StoredKey)}${Convert.ToBase64String(keys.ServerKey)}";
    }

    /// <summary>Asks, moving the clock on by 10 ms at a time while the answer is held back.</summary>
    private async Task<AuthenticationResult> Ask(string? username, string? password, string address = "10.0.0.1")
    {
        // Without the test's own context, which is late when other tests are busy: then the clock would run ahead of the answer.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        Task<AuthenticationResult> answer;
        try
        {
            answer = _authenticator.AuthenticateAsync(username, password is null ? null : Encoding.UTF8.GetBytes(password), address, default).AsTask();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        return await Wait(answer);
    }

    private async Task<T> Wait<T>(Task<T> answer)
    {
        var deadline = Environment.TickCount64 + 10_000;
        while (!answer.IsCompleted)
        {
            Assert.True(Environment.TickCount64 < deadline, "no answer");
            // Time for the hash to end before the clock goes on.
            await Task.WhenAny(answer, Task.Delay(1));
            if (!answer.IsCompleted)
            {
                _time.Advance(TimeSpan.FromMilliseconds(10));
            }
        }

        return await answer;
    }

    private sealed class Feed : IConfigurationFeed
    {
        public Dictionary<string, CredentialRecord> Credentials { get; } = new(StringComparer.Ordinal);

        public Action? OnFind { get; set; }

        public BrokerConfiguration Current { get; set; } = new();

        public TlsMaterial? Tls => null;

        public ValueTask<CredentialRecord?> FindCredentialAsync(string username, CancellationToken cancellationToken = default)
        {
            OnFind?.Invoke();
            return new(Credentials.GetValueOrDefault(username));
        }
    }

    private sealed class Sealer : ISecretSealer
    {
        public static readonly byte[] Pepper = SHA256.HashData("pepper"u8);

        public SealedSecret Seal(ReadOnlySpan<byte> clear, string associatedData) => throw new NotSupportedException();

        public ClearSecret Open(SealedSecret secret, string associatedData) => throw new NotSupportedException();

        public byte[] Derive(string purpose) => Pepper;
    }
}
