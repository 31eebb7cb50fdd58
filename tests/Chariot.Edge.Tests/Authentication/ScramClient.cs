using System.Security.Cryptography;
using System.Text;

namespace Chariot.Edge.Tests.Authentication;

/// <summary>The client's side of SCRAM-SHA-256, written from RFC 5802 apart from the product's.</summary>
internal sealed class ScramClient(string username, string password, string nonce = "rOprNGfwEbeRWgbNEkqO", string header = "n,,")
{
    private string _bare = "";
    private byte[] _serverSignature = [];

    public byte[] First()
    {
        _bare = $"n={username},r={nonce}";
        return Encoding.UTF8.GetBytes(header + _bare);
    }

    public byte[] Final(byte[] challenge, Func<string, string>? tamper = null)
    {
        var serverFirst = Encoding.UTF8.GetString(challenge);
        var fields = serverFirst.Split(',').ToDictionary(field => field[0], field => field[2..]);
        var salted = Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(fields['s']), int.Parse(fields['i'], null), HashAlgorithmName.SHA256, 32);
        var clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        var without = $"c={Convert.ToBase64String(Encoding.UTF8.GetBytes(header))},r={fields['r']}";
        var message = Encoding.UTF8.GetBytes($"{_bare},{serverFirst},{without}");
        var signature = HMACSHA256.HashData(SHA256.HashData(clientKey), message);
        _serverSignature = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), message);
        var proof = clientKey.Zip(signature, (a, b) => (byte)(a ^ b)).ToArray();
        var final = $"{without},p={Convert.ToBase64String(proof)}";
        return Encoding.UTF8.GetBytes(tamper?.Invoke(final) ?? final);
    }

    public bool Proves(byte[] serverFinal) => Encoding.UTF8.GetString(serverFinal) == $"v={Convert.ToBase64String(_serverSignature)}";
}
