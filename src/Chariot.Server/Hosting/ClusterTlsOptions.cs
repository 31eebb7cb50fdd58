namespace Chariot.Server.Hosting;

/// <summary>
/// Mutual TLS between the processes of a cluster: on when its three files are given, and then for every connection to a silo port or a gateway
/// port. All nodes have it or none. <c>chariot cluster-ca</c> makes the files.
/// </summary>
internal sealed class ClusterTlsOptions
{
    /// <summary>Certificate of the cluster's CA, PEM. Whatever it has signed, may join.</summary>
    public string? AuthorityFile { get; set; }

    /// <summary>Certificate of this node, PEM, for server and client use.</summary>
    public string? CertificateFile { get; set; }

    /// <summary>Its private key, PEM, which only its owner may read.</summary>
    public string? KeyFile { get; set; }

    public bool IsOn => Files.All(file => !string.IsNullOrWhiteSpace(file.Path));

    private (string Name, string? Path)[] Files => [(nameof(AuthorityFile), AuthorityFile), (nameof(CertificateFile), CertificateFile), (nameof(KeyFile), KeyFile)];

    public void Validate(bool isClustered, List<string> errors)
    {
        var missing = Files.Where(file => string.IsNullOrWhiteSpace(file.Path)).Select(file => file.Name).ToArray();
        if (missing.Length == Files.Length)
        {
            return;
        }

        // Half a set must not leave the connections in the clear.
        errors.AddRange(missing.Select(name => $"Chariot:Cluster:Tls:{name} is missing; mutual TLS between nodes needs AuthorityFile, CertificateFile and KeyFile. chariot cluster-ca makes them."));
        if (!isClustered)
        {
            errors.Add("Chariot:Cluster:Tls is given, but one node with the sqlite store has no other nodes to talk to; remove it.");
        }
    }
}
