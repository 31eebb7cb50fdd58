using System.Globalization;
using System.Net;
using Orleans.Runtime;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>The blob of <see cref="AzureMembershipTable"/>; a published property keeps its name.</summary>
internal sealed class MembershipDocument
{
    public int Version { get; set; }

    /// <summary>ETag of <see cref="Version"/>.</summary>
    public string VersionTag { get; set; } = "0";

    /// <summary>The last number given as a tag.</summary>
    public long LastTag { get; set; }

    public List<MembershipRow> Rows { get; set; } = [];

    internal TableVersion TableVersion => new(Version, VersionTag);

    public string NextTag() => (++LastTag).ToString(CultureInfo.InvariantCulture);

    public void SetVersion(int version) => (Version, VersionTag) = (version, NextTag());
}

/// <summary>One silo.</summary>
internal sealed class MembershipRow
{
    public required string Address { get; set; }
    public string Tag { get; set; } = "";
    public SiloStatus Status { get; set; }
    public int ProxyPort { get; set; }
    public string? HostName { get; set; }
    public string? SiloName { get; set; }
    public string? RoleName { get; set; }
    public int UpdateZone { get; set; }
    public int FaultZone { get; set; }
    public DateTime StartTime { get; set; }
    public DateTime IAmAliveTime { get; set; }
    public List<MembershipSuspicion> SuspectTimes { get; set; } = [];

    public static MembershipRow From(MembershipEntry entry) => new()
    {
        Address = entry.SiloAddress.ToParsableString(),
        Status = entry.Status,
        ProxyPort = entry.ProxyPort,
        HostName = entry.HostName,
        SiloName = entry.SiloName,
        RoleName = entry.RoleName,
        UpdateZone = entry.UpdateZone,
        FaultZone = entry.FaultZone,
        StartTime = entry.StartTime,
        IAmAliveTime = entry.IAmAliveTime,
        SuspectTimes = [.. (entry.SuspectTimes ?? []).Select(static vote => new MembershipSuspicion { By = vote.Item1.ToParsableString(), At = vote.Item2 })],
    };

    public Tuple<MembershipEntry, string> ToTuple() => Tuple.Create(
        new MembershipEntry
        {
            SiloAddress = SiloAddress.FromParsableString(Address),
            Status = Status,
            ProxyPort = ProxyPort,
            HostName = HostName!,
            SiloName = SiloName!,
            RoleName = RoleName,
            UpdateZone = UpdateZone,
            FaultZone = FaultZone,
            StartTime = StartTime,
            IAmAliveTime = IAmAliveTime,
            SuspectTimes = [.. SuspectTimes.Select(static vote => Tuple.Create(SiloAddress.FromParsableString(vote.By), vote.At))],
        },
        Tag);

    public Uri ToGatewayUri()
    {
        var silo = SiloAddress.FromParsableString(Address);
        return SiloAddress.New(new IPEndPoint(silo.Endpoint.Address, ProxyPort), silo.Generation).ToGatewayUri();
    }
}

/// <summary>A silo's vote that another one is dead.</summary>
internal sealed class MembershipSuspicion
{
    public required string By { get; set; }
    public DateTime At { get; set; }
}
