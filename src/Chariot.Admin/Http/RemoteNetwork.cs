using System.Net;
using System.Net.Sockets;

namespace Chariot.Admin.Http;

/// <summary>Whom a remote address stands for, where callers are counted.</summary>
internal static class RemoteNetwork
{
    /// <summary>The address, or of IPv6 the first 64 bits: one customer has a whole /64.</summary>
    public static string NameOf(IPAddress? address)
    {
        if (address is { IsIPv4MappedToIPv6: true })
        {
            address = address.MapToIPv4();
        }

        return address is { AddressFamily: AddressFamily.InterNetworkV6 } ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)) : address?.ToString() ?? "";
    }
}
