using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;

namespace Chariot.Edge.Authentication;

/// <summary>
/// The server's side of one SCRAM-SHA-256 exchange (RFC 5802 sections 5 and 7, RFC 7677), messages only. Without channel binding:
/// a client that insists on it is refused. Passwords were prepared (<see cref="SaslPrep"/>) when their keys were made.
/// </summary>
internal sealed class ScramExchange
{
    /// <summary>Bytes of a client's message; its fields need a few hundred.</summary>
    private const int MaximumMessage = 2048;

    private const int MaximumNonce = 256;
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly string _header;
    private readonly string _bare;
    private readonly string _clientNonce;
    private ScramKeys _keys = null!;
    private string _nonce = "";
    private string _serverFirst = "";

    private ScramExchange(string header, string bare, string username, string clientNonce)
    {
        (_header, _bare, Username, _clientNonce) = (header, bare, username, clientNonce);
    }

    /// <summary>As it was sent, until it is found under its prepared form.</summary>
    public string Username { get; set; }

    /// <summary>When the client began, for the throttle's grid.</summary>
    public DateTimeOffset AskedAt { get; init; }

    /// <summary>What the keys were read from; null when they are a decoy's, and no proof will do.</summary>
    public string? Verifier { get; private set; }

    /// <summary>
    /// Reads client-first-message. Anything but Success: BadAuthenticationMethod for channel binding, which is another method;
    /// NotAuthorized for acting as another user; ProtocolError for what is not of the form.
    /// </summary>
    public static ReasonCode TryBegin(ReadOnlySpan<byte> message, DateTimeOffset now, [NotNullWhen(true)] out ScramExchange? exchange)
    {
        exchange = null;
        if (!TryDecode(message, out var text))
        {
            return ReasonCode.ProtocolError;
        }

        // gs2-header: "n" or "y", an optional authorization identity, each with its comma.
        var second = text.IndexOf(',', Math.Min(text.Length, 2));
        if (text.StartsWith("p=", StringComparison.Ordinal))
        {
            return ReasonCode.BadAuthenticationMethod;
        }

        if (!(text.StartsWith("n,", StringComparison.Ordinal) || text.StartsWith("y,", StringComparison.Ordinal)) || second < 0)
        {
            return ReasonCode.ProtocolError;
        }

        var (header, bare, identity) = (text[..(second + 1)], text[(second + 1)..], text[2..second]);
        // Extensions behind the nonce may be ignored; a mandatory one ("m=" in front) may not.
        if (bare.Split(',') is not [['n', '=', .. var name], ['r', '=', .. var nonce], ..]
            || !TryReadName(name, out var username)
            || nonce.Length is 0 or > MaximumNonce
            || nonce.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return ReasonCode.ProtocolError;
        }

        if (identity.Length > 0 && (!identity.StartsWith("a=", StringComparison.Ordinal) || !TryReadName(identity[2..], out var other) || other != username))
        {
            return ReasonCode.NotAuthorized;
        }

        exchange = new ScramExchange(header, bare, username, nonce) { AskedAt = now };
        return ReasonCode.Success;
    }

    /// <summary>server-first-message.</summary>
    /// <param name="verifier">What <paramref name="keys"/> belong to; null for a decoy.</param>
    public byte[] Challenge(ScramKeys keys, string? verifier, string serverNonce)
    {
        (_keys, Verifier, _nonce) = (keys, verifier, _clientNonce + serverNonce);
        _serverFirst = $"r={_nonce},s={Convert.ToBase64String(keys.Salt)},i={keys.Rounds}";
        return Encoding.UTF8.GetBytes(_serverFirst);
    }

    /// <summary>
    /// Judges client-final-message: ProtocolError for its form, BadUserNameOrPassword for a proof that is wrong or that nothing
    /// could prove; with Success <paramref name="serverFinal"/> proves the server to the client.
    /// </summary>
    public ReasonCode Finish(ReadOnlySpan<byte> message, out byte[] serverFinal)
    {
        serverFinal = [];
        if (!TryDecode(message, out var text) || text.LastIndexOf(",p=", StringComparison.Ordinal) is not (> 0 and var at))
        {
            return ReasonCode.ProtocolError;
        }

        var withoutProof = text[..at];
        Span<byte> proof = stackalloc byte[ScramKeys.KeyLength];
        if (withoutProof.Split(',') is not [['c', '=', .. var binding], ['r', '=', .. var nonce], ..]
            || binding != Convert.ToBase64String(Encoding.UTF8.GetBytes(_header))
            || nonce != _nonce
            || !Convert.TryFromBase64String(text[(at + 3)..], proof, out var length)
            || length != proof.Length)
        {
            return ReasonCode.ProtocolError;
        }

        var signed = Encoding.UTF8.GetBytes($"{_bare},{_serverFirst},{withoutProof}");
        Span<byte> clientKey = stackalloc byte[ScramKeys.KeyLength];
        HMACSHA256.HashData(_keys.StoredKey, signed, clientKey);
        for (var i = 0; i < clientKey.Length; i++)
        {
            clientKey[i] ^= proof[i];
        }

        if (!CryptographicOperations.FixedTimeEquals(SHA256.HashData(clientKey), _keys.StoredKey) || Verifier is null)
        {
            return ReasonCode.BadUserNameOrPassword;
        }

        serverFinal = Encoding.UTF8.GetBytes($"v={Convert.ToBase64String(HMACSHA256.HashData(_keys.ServerKey, signed))}");
        return ReasonCode.Success;
    }

    /// <summary>Never shows what was exchanged.</summary>
    public override string ToString() => "SCRAM exchange";

    private static bool TryDecode(ReadOnlySpan<byte> message, out string text)
    {
        text = "";
        if (message.Length is 0 or > MaximumMessage || !System.Text.Unicode.Utf8.IsValid(message) || message.Contains((byte)0))
        {
            return false;
        }

        text = Strict.GetString(message);
        return true;
    }

    /// <summary>A saslname: "," is written =2C and "=" is written =3D; any other "=" is an error.</summary>
    private static bool TryReadName(string name, out string value)
    {
        value = name.Replace("=2C", ",", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);
        var escapes = name.AsSpan().Count("=2C") + name.AsSpan().Count("=3D");
        return name.Length > 0 && name.AsSpan().Count('=') == escapes;
    }
}
