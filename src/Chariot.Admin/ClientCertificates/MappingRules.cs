using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.ClientCertificates;

/// <summary>One mapping as a request and an answer have it.</summary>
/// <param name="Match">cn, san-dns, san-uri or subject.</param>
/// <param name="Value">The whole name, compared exactly.</param>
/// <param name="Username">The credential that it stands for.</param>
internal sealed record MappingRequest(string Match, string Value, string Username)
{
    private static readonly (string Name, CertificateField Field)[] s_fields =
        [("cn", CertificateField.CommonName), ("san-dns", CertificateField.DnsName), ("san-uri", CertificateField.Uri), ("subject", CertificateField.Subject)];

    public CertificateField? ReadField() => Array.Find(s_fields, known => known.Name == Match) is { Name: not null } found ? found.Field : null;

    public static MappingRequest From(CertificateMapping mapping) =>
        new(Array.Find(s_fields, field => field.Field == mapping.Match).Name, mapping.Value, mapping.Username);
}

/// <summary>Reads a list of mappings; all findings come at once.</summary>
internal sealed class MappingRules
{
    private const int LongestValue = 1024;
    private const int LongestUsername = 256;
    private const int MostFindings = 100;

    private readonly List<Finding> _findings = [];

    /// <summary>For a credential that was deleted between our look and the grain's.</summary>
    public static Finding GoneUser { get; } = Admin.Findings.Error("mapping.username", "username", "No credential has one of these usernames any more.");

    public ImmutableArray<Finding> Findings => [.. _findings];

    /// <summary>Whether more findings would still be told.</summary>
    public bool MayGoOn => _findings.Count < MostFindings;

    /// <summary>The mappings, in order; with findings, those that are good.</summary>
    public ImmutableArray<CertificateMapping> Read(IReadOnlyList<MappingRequest?> requests)
    {
        if (requests.Count > ClientTrust.MaximumMappings)
        {
            Add("mapping.too-many", "", $"{requests.Count} mappings were sent; at most {ClientTrust.MaximumMappings} are kept.");
            return [];
        }

        var mappings = ImmutableArray.CreateBuilder<CertificateMapping>(requests.Count);
        var seen = new Dictionary<(CertificateField, string), int>();
        for (var i = 0; i < requests.Count && MayGoOn; i++)
        {
            if (Read(requests[i], i) is not { } mapping)
            {
                continue;
            }

            if (!seen.TryAdd((mapping.Match, mapping.Value), i))
            {
                Add("mapping.duplicate", $"[{i}].value", $"Mapping {i} repeats mapping {seen[(mapping.Match, mapping.Value)]}: a name stands for one credential.");
            }

            mappings.Add(mapping);
        }

        return mappings.ToImmutable();
    }

    public void UnknownUser(int index) => Add("mapping.username", $"[{index}].username", "No credential has this username.");

    private CertificateMapping? Read(MappingRequest? request, int index)
    {
        if (request?.ReadField() is not { } field)
        {
            Add("mapping.match", $"[{index}].match", "match is \"cn\", \"san-dns\", \"san-uri\" or \"subject\".");
            return null;
        }

        if (request.Username.Length is 0 or > LongestUsername)
        {
            Add("mapping.username", $"[{index}].username", $"The username must have 1 to {LongestUsername} characters.");
            return null;
        }

        var value = request.Value;
        if (Fault(field, value) is { } fault)
        {
            Add("mapping.value", $"[{index}].value", fault);
            return null;
        }

        if (field == CertificateField.Subject)
        {
            if (!SubjectName.TryNormalise(value, out value))
            {
                Add("mapping.value", $"[{index}].value", "The subject is not a name like \"CN=device-1, OU=Plant 2, O=Example\" (RFC 4514), or names two CNs or a multi-valued part, which never match.");
                return null;
            }
        }

        return new CertificateMapping(field, value, request.Username);
    }

    private static string? Fault(CertificateField field, string value) => value switch
    {
        { Length: 0 or > LongestValue } => $"The value must have 1 to {LongestValue} characters.",
        _ when value.Any(char.IsControl) => "The value has control characters, which never match.",
        _ when value.Contains('*', StringComparison.Ordinal) => "The value has a wildcard; names are compared whole.",
        _ when field is CertificateField.DnsName or CertificateField.Uri && !value.All(char.IsAscii) => "The value has characters that no such name can have; write it as the certificate does (punycode, percent encoding).",
        _ => null,
    };

    private void Add(string code, string field, string message) => _findings.Add(Admin.Findings.Error(code, field, message));
}
