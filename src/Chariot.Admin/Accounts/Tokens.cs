using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace Chariot.Admin.Accounts;

/// <summary>Bearer tokens: 256 random bits behind a prefix that leak scanners can find.</summary>
internal static class Tokens
{
    public const string Prefix = "chr_";

    /// <summary>Prefix and 32 bytes in base64url.</summary>
    private const int Length = 4 + 43;

    public static string Create() => Prefix + WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));

    /// <summary>What is stored of a token. 256 random bits cannot be guessed, so a fast hash is enough.</summary>
    public static byte[] Hash(string token) => SHA256.HashData(Encoding.ASCII.GetBytes(token));

    public static bool LooksLikeOne(string token) => token.Length == Length && token.StartsWith(Prefix, StringComparison.Ordinal);
}
