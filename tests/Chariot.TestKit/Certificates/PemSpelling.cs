using System.Security.Cryptography;
using System.Text;

namespace Chariot.TestKit.Certificates;

/// <summary>One PEM text written in the ways that editors, mail and tools write it.</summary>
public static class PemSpelling
{
    public static readonly string[] Names =
        ["bom", "crlf", "cr", "trailing blanks", "tabs", "blank lines", "one line", "76", "no newline", "preamble", "bag attributes", "comments", "glued"];

    /// <summary><paramref name="pem"/> as its bytes in Latin-1.</summary>
    public static string Respell(string pem, string spelling) => spelling switch
    {
        "bom" => Utf8("\uFEFF" + pem),
        "crlf" => pem.Replace("\n", "\r\n", StringComparison.Ordinal),
        "cr" => pem.Replace("\n", "\r", StringComparison.Ordinal),
        "trailing blanks" => pem.Replace("\n", "  \n", StringComparison.Ordinal),
        "tabs" => pem.Replace("\n", "\t\n\t", StringComparison.Ordinal),
        "blank lines" => pem.Replace("\n", "\n\n", StringComparison.Ordinal),
        "one line" => Rewrap(pem, 100_000),
        "76" => Rewrap(pem, 76),
        "no newline" => pem.TrimEnd('\n'),
        "preamble" => Utf8("Certificate:\n    Data:\n        Version: 3 (0x2)\n\u00e4\u00f6\u00fc\n" + pem),
        "bag attributes" => "Bag Attributes\n    localKeyID: 01 02 03\nsubject=CN = mqtt.example\n\n" + pem,
        "comments" => pem.Replace("-----BEGIN", "# a comment\n-----BEGIN", StringComparison.Ordinal),
        "glued" => pem.Replace("-----\n-----BEGIN", "----------BEGIN", StringComparison.Ordinal),
        _ => throw new ArgumentOutOfRangeException(nameof(spelling)),
    };

    private static string Utf8(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    private static string Rewrap(string pem, int width)
    {
        var text = new StringBuilder();
        foreach (var block in pem.Split("-----BEGIN ", StringSplitOptions.RemoveEmptyEntries))
        {
            var full = "-----BEGIN " + block;
            var fields = PemEncoding.Find(full);
            text.Append("-----BEGIN ").Append(full[fields.Label]).Append("-----\n");
            foreach (var line in full[fields.Base64Data].Replace("\n", "", StringComparison.Ordinal).Chunk(width))
            {
                text.Append(line).Append('\n');
            }

            text.Append("-----END ").Append(full[fields.Label]).Append("-----\n");
        }

        return text.ToString();
    }
}
