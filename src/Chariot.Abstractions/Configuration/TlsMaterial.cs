using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.Abstractions.Configuration;

/// <summary>
/// One certificate ready to serve: built once per set-up, because on Linux the native context and its session cache hang on
/// <see cref="Context"/>. Not serialisable and never logged; the key lives inside <see cref="Context"/> only.
/// </summary>
[DebuggerDisplay("TlsMaterial {Fingerprint}")]
public sealed class TlsMaterial(string setupId, string fingerprint, SslStreamCertificateContext context, X509Certificate2 certificate, bool staples = false)
{
    /// <summary><see cref="SslConfiguration.SetupId"/> of the set-up that it came from.</summary>
    public string SetupId { get; } = setupId;

    /// <summary>SHA-256 of the leaf, lower-case hex.</summary>
    public string Fingerprint { get; } = fingerprint;

    /// <summary>Leaf with its key, and the intermediates.</summary>
    public SslStreamCertificateContext Context { get; } = context;

    public X509Certificate2 Certificate { get; } = certificate;

    /// <summary>Whether <see cref="Context"/> fetches OCSP answers and staples them: the one thing that makes it go online.</summary>
    public bool Staples { get; } = staples;

    public override string ToString() => $"certificate {Fingerprint}";
}
