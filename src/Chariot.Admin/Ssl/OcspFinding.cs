using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl;

/// <summary>What there is to say of OCSP stapling now; not kept with the set-up, since it comes and goes.</summary>
internal static class OcspFinding
{
    public static Finding? From(OcspStatus? status, SslConfiguration? ssl) => status?.Problem is not { } problem || status.SetupId != ssl?.SetupId
        ? null
        : new Finding(status.Responder is null ? "ocsp.no-responder" : "ocsp.no-answer", FindingSeverity.Warning, $"OCSP stapling is on, and clients get no fresh answer: {problem}")
        {
            File = SslUpload.NameOf(SslFile.ServerCertificate),
            Remedy = "Check the responder and the way to it, or switch ocspStapling off; handshakes go on without.",
        };
}
