using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl;

/// <summary>That this node does not serve the certificate until somebody confirms it (docs/adr/0015).</summary>
internal static class HeldBackFinding
{
    public static Finding? From(ISslFence? fence, SslConfiguration? ssl) => ssl is null || fence?.HeldBack is not { } reason
        ? null
        : new Finding("ssl.not-confirmed", FindingSeverity.Error, $"The certificate is not served: {reason}")
        {
            File = SslUpload.NameOf(SslFile.ServerCertificate),
            Remedy = "If it is to be served, confirm it (POST /api/v1/ssl/confirm, chariot ssl confirm). If not, delete SSL or set it up anew.",
        };
}
