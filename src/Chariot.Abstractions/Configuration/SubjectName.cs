using System.Text;

namespace Chariot.Abstractions.Configuration;

/// <summary>
/// The text of a certificate's subject: RFC 4514 (most specific attribute first, its escapes), with a blank after each comma.
/// Two subjects have the same text only if they have the same attributes with the same values in the same order.
/// </summary>
public static class SubjectName
{
    private static readonly (string Oid, string Name)[] s_names =
    [
        ("2.5.4.3", "CN"), ("2.5.4.4", "SN"), ("2.5.4.5", "serialNumber"), ("2.5.4.6", "C"), ("2.5.4.7", "L"), ("2.5.4.8", "ST"),
        ("2.5.4.9", "street"), ("2.5.4.10", "O"), ("2.5.4.11", "OU"), ("2.5.4.12", "title"), ("2.5.4.42", "GN"),
        ("0.9.2342.19200300.100.1.1", "UID"), ("0.9.2342.19200300.100.1.25", "DC"), ("1.2.840.113549.1.9.1", "emailAddress"),
    ];

    /// <summary>Writes attributes, given in the order of the certificate: outermost, mostly the country, first.</summary>
    /// <param name="attributes">Object identifier and value.</param>
    public static string Write(IEnumerable<(string Oid, string Value)> attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        return string.Join(", ", attributes.Reverse().Select(attribute => $"{NameOf(attribute.Oid)}={Escape(attribute.Value)}"));
    }

    /// <summary>
    /// Brings text from elsewhere (openssl's RFC 2253 form, no blanks after commas, other case of attribute names, dotted
    /// identifiers) into the form of <see cref="Write"/>. False for anything else, and for what never matches a certificate: an
    /// empty name, multi-valued parts (<c>+</c>), a second CN, control characters.
    /// </summary>
    public static bool TryNormalise(string? text, out string normal)
    {
        normal = "";
        var attributes = new List<(string Oid, string Value)>();
        var rest = (text ?? "").AsSpan().TrimStart(' ');
        do
        {
            var equals = rest.IndexOf('=');
            if (equals <= 0 || OidOf(rest[..equals].Trim(' ').ToString()) is not { } oid || !TryReadValue(rest[(equals + 1)..], out var value, out var used))
            {
                return false;
            }

            attributes.Add((oid, value));
            rest = rest[(equals + 1 + used)..];
        }
        while (!rest.IsEmpty);

        if (attributes.Count(attribute => attribute.Oid == "2.5.4.3") > 1)
        {
            return false;
        }

        attributes.Reverse();
        normal = Write(attributes);
        return true;
    }

    private static string NameOf(string oid) => Array.Find(s_names, known => known.Oid == oid).Name ?? oid;

    private static string? OidOf(string name) =>
        Array.Find(s_names, known => known.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Oid
        ?? (name.Contains('.', StringComparison.Ordinal) && name.All(character => char.IsAsciiDigit(character) || character == '.') ? name : null);

    private static string Escape(string value)
    {
        var escaped = new StringBuilder(value.Length);
        for (var i = 0; i < value.Length; i++)
        {
            var character = value[i];
            var atEdge = (i == 0 && character is ' ' or '#') || (i == value.Length - 1 && character == ' ');
            if (atEdge || character is '\\' or ',' or '+' or '"' or ';' or '<' or '>')
            {
                escaped.Append('\\');
            }

            escaped.Append(character);
        }

        return escaped.ToString();
    }

    /// <summary>Reads up to the next comma, which it takes along.</summary>
    private static bool TryReadValue(ReadOnlySpan<char> text, out string value, out int used)
    {
        var read = new StringBuilder();
        var kept = 0;
        var i = text.Length - text.TrimStart(' ').Length;
        value = "";
        used = 0;
        for (; i < text.Length && text[i] != ','; i++)
        {
            if (text[i] == '\\')
            {
                i++;
                if (i == text.Length || char.IsAsciiLetterOrDigit(text[i]))
                {
                    // Hex pairs write bytes, not characters; nothing that can match needs them.
                    return false;
                }

                read.Append(text[i]);
                kept = read.Length;
                continue;
            }

            if (text[i] is '+' or '"' or ';' or '<' or '>' || char.IsControl(text[i]))
            {
                return false;
            }

            read.Append(text[i]);
            kept = text[i] == ' ' ? kept : read.Length;
        }

        // Blanks at the end count only when they are escaped.
        value = read.ToString(0, kept);
        if (i == text.Length)
        {
            used = i;
            return kept > 0;
        }

        used = i + 1;
        return kept > 0 && !text[used..].TrimStart(' ').IsEmpty;
    }
}
