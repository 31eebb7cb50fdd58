using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl;

/// <summary>
/// Certificates that <c>chariot dev-ca</c> made say so in every subject. Served to the world they would be a trap: their CA's
/// key lies in a folder of somebody's machine.
/// </summary>
public static class DevelopmentCertificate
{
    /// <summary>Organization (O) in the subject of everything that <c>chariot dev-ca</c> makes.</summary>
    public const string Organization = "Chariot development CA - not for production";

    /// <summary>A warning when a development certificate is to be served on an address that is not private; null otherwise.</summary>
    /// <param name="certificate">The server certificate.</param>
    /// <param name="chain">Its issuers.</param>
    /// <param name="listening">Addresses that are listened on; the wildcards 0.0.0.0 and [::] stand for <paramref name="interfaces"/>.</param>
    /// <param name="interfaces">Addresses of this machine.</param>
    internal static Finding? Inspect(
        CertificateDetails certificate, IEnumerable<CertificateDetails> chain, IEnumerable<IPAddress> listening, IReadOnlyCollection<IPAddress> interfaces)
    {
        if (!IsMarked(certificate.Subject) && !IsMarked(certificate.Issuer) && !chain.Any(issuer => IsMarked(issuer.Subject)))
        {
            return null;
        }

        var open = listening.SelectMany(address => IsWildcard(address) ? interfaces : [address]).FirstOrDefault(address => !IsPrivate(address));
        return open is null
            ? null
            : new Finding("certificate.development", FindingSeverity.Warning, $"The certificate was made by chariot dev-ca, and this server listens on {open}, which is not a private address.")
            {
                File = SslUpload.NameOf(SslFile.ServerCertificate),
                Remedy = "Replace it with a certificate of a CA that your clients trust; make the key here and have its request signed with chariot csr.",
            };
    }

    /// <summary>Addresses of the interfaces of this machine that are up.</summary>
    internal static IReadOnlyCollection<IPAddress> InterfaceAddresses() =>
    [
        .. NetworkInterface.GetAllNetworkInterfaces()
            .Where(card => card.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown)
            .SelectMany(card => card.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address),
    ];

    /// <summary>
    /// Loopback, RFC 1918, RFC 6598 (behind a carrier's NAT), link-local (RFC 3927, RFC 4291) and unique local (RFC 4193).
    /// </summary>
    internal static bool IsPrivate(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return IsPrivate(address.MapToIPv4());
        }

        if (IPAddress.IsLoopback(address))
        {
            return true;
        }

        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return address.IsIPv6LinkLocal || address.IsIPv6UniqueLocal;
        }

        return address.GetAddressBytes() is [10, ..] or [172, >= 16 and <= 31, ..] or [192, 168, ..] or [169, 254, ..] or [100, >= 64 and <= 127, ..];
    }

    private static bool IsMarked(string name) => name.Contains(Organization, StringComparison.Ordinal);

    private static bool IsWildcard(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
