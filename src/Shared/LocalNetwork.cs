using System.Net;
using System.Net.Sockets;

namespace Tessera.Shared;

/// <summary>Tells addresses that only this machine or its neighbours reach from those of the internet.</summary>
internal static class LocalNetwork
{
    // IANA's special-purpose registries (RFC 6890 and its updates): this host, private (RFC 1918), shared (RFC 6598), loopback,
    // link-local, protocol assignments, benchmarking, multicast, reserved and broadcast.
    private static readonly IPNetwork[] Networks =
    [
        .. new[]
        {
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/128",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        }.Select(IPNetwork.Parse),
    ];

    // An IPv4 address inside of an IPv6 address, and at which byte: compatible, translated (RFC 6052), 6to4 (RFC 3056).
    private static readonly (IPNetwork Network, int At)[] Embedding =
    [
        (IPNetwork.Parse("::/96"), 12),
        (IPNetwork.Parse("64:ff9b::/96"), 12),
        (IPNetwork.Parse("2002::/16"), 2),
    ];

    /// <summary>Whether an address is of this machine or of the network around it.</summary>
    public static bool Holds(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (Networks.Any(network => network.Contains(address)))
            return true;
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return false;
        byte[] bytes = address.GetAddressBytes();
        return Embedding.Any(embedding => embedding.Network.Contains(address) && Holds(new IPAddress(bytes.AsSpan(embedding.At, 4))));
    }

    /// <summary>Whether the name itself says so, without asking a name server.</summary>
    public static bool HoldsName(string host)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
            return Holds(address);
        string name = host.TrimEnd('.');
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);
    }
}
