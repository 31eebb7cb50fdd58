using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Edge.Authentication;

namespace Chariot.Edge.Tests.Authentication;

public class ScramExchangeTests
{
    private static readonly ScramKeys Pencil = ScramKeys.Derive("pencil"u8, Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);

    [Fact]
    public void Exchange_IsThatOfRfc7677()
    {
        var exchange = Begin("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");

        Assert.Equal(
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            Encoding.UTF8.GetString(exchange.Challenge(Pencil, "v", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")));
        var reason = exchange.Finish(
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="u8,
            out var serverFinal);

        Assert.Equal(ReasonCode.Success, reason);
        Assert.Equal("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Encoding.UTF8.GetString(serverFinal));
        Assert.Equal("user", exchange.Username);
    }

    [Theory]
    [InlineData("", ReasonCode.ProtocolError)]
    [InlineData("n", ReasonCode.ProtocolError)]
    [InlineData("n,", ReasonCode.ProtocolError)]
    [InlineData("n,,", ReasonCode.ProtocolError)]
    [InlineData("x,,n=user,r=abc", ReasonCode.ProtocolError)]
    [InlineData("n,,r=abc,n=user", ReasonCode.ProtocolError)]
    [InlineData("n,,n=user", ReasonCode.ProtocolError)]
    [InlineData("n,,n=user,r=", ReasonCode.ProtocolError)]
    [InlineData("n,,n=,r=abc", ReasonCode.ProtocolError)]
    [InlineData("n,,m=ext,n=user,r=abc", ReasonCode.ProtocolError)]
    [InlineData("n,,n=us=er,r=abc", ReasonCode.ProtocolError)]
    [InlineData("n,,n=user,r=a b", ReasonCode.ProtocolError)]
    [InlineData("p=tls-unique,,n=user,r=abc", ReasonCode.BadAuthenticationMethod)]
    [InlineData("n,a=other,n=user,r=abc", ReasonCode.NotAuthorized)]
    [InlineData("n,other,n=user,r=abc", ReasonCode.NotAuthorized)]
    public void FirstMessage_OfAnotherForm_IsRefused(string message, ReasonCode expected)
    {
        Assert.Equal(expected, ScramExchange.TryBegin(Encoding.UTF8.GetBytes(message), default, out var exchange));
        Assert.Null(exchange);
    }

    [Theory]
    [InlineData("y,,n=user,r=abc", "user")]
    [InlineData("n,a=user,n=user,r=abc", "user")]
    [InlineData("n,,n=a=2Cb=3Dc,r=abc,x=ignored", "a,b=c")]
    public void FirstMessage_OfTheForm_NamesItsUser(string message, string username) => Assert.Equal(username, Begin(message).Username);

    [Fact]
    public void FirstMessages_OfAnyBytes_NeverThrow()
    {
        var random = new Random(1);
        var seedMessage = "n,a=user,n=user,r=abc"u8.ToArray();
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = seedMessage.ToArray();
            for (var change = random.Next(1, 5); change > 0; change--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            ScramExchange.TryBegin(bytes.AsSpan(0, random.Next(bytes.Length + 1)), default, out _);
        }

        Assert.Equal(ReasonCode.ProtocolError, ScramExchange.TryBegin(new byte[100_000], default, out _));
    }

    [Theory]
    [InlineData("right", null, ReasonCode.Success)]
    [InlineData("wrong", null, ReasonCode.BadUserNameOrPassword)]
    [InlineData("right", "c=eSws", ReasonCode.ProtocolError)]
    [InlineData("right", "r=other", ReasonCode.ProtocolError)]
    [InlineData("right", "p=AAAA", ReasonCode.ProtocolError)]
    [InlineData("right", "p=!", ReasonCode.ProtocolError)]
    [InlineData("right", "", ReasonCode.ProtocolError)]
    public void FinalMessage_IsJudged(string password, string? replaced, ReasonCode expected)
    {
        var client = new ScramClient("user", password);
        var exchange = Begin(Encoding.UTF8.GetString(client.First()));
        var challenge = exchange.Challenge(ScramKeys.Derive("right"u8, new byte[16], 4096), "verifier", "server");
        var final = client.Final(challenge, text => replaced switch
        {
            null => text,
            "" => "",
            _ => string.Join(',', text.Split(',').Select(field => field[0] == replaced[0] ? replaced : field)),
        });

        var reason = exchange.Finish(final, out var serverFinal);

        Assert.Equal(expected, reason);
        Assert.Equal(expected == ReasonCode.Success, client.Proves(serverFinal));
    }

    private static ScramExchange Begin(string message)
    {
        Assert.Equal(ReasonCode.Success, ScramExchange.TryBegin(Encoding.UTF8.GetBytes(message), default, out var exchange));
        return exchange!;
    }
}
