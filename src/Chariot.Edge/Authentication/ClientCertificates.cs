using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Transports;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Client certificates on this edge: what a handshake asks for, whether a certificate is accepted under the configuration in
/// force, and whose it is. One immutable state, swapped by <see cref="Apply"/>.
/// </summary>
internal sealed class ClientCertificates(SeenCertificates seen)
{
    private volatile State _state = new(ClientCertificatePolicy.None, new ClientCertificateVerifier(ClientTrust.None), new CertificateMappingRule([]));

    /// <summary>Takes a policy and a trust; false when nothing changed. Who is connected is judged by the caller, see <see cref="Accepts"/>.</summary>
    public bool Apply(ClientCertificatePolicy policy, ClientTrust trust)
    {
        var before = _state;
        var sameTrust = before.Verifier.Revision == trust.Revision;
        if (sameTrust && before.Policy == policy)
        {
            return false;
        }

        _state = new State(
            policy,
            sameTrust ? before.Verifier : new ClientCertificateVerifier(trust),
            sameTrust ? before.Mapping : new CertificateMappingRule(trust.Mappings));
        return true;
    }

    /// <summary>Makes the options of a port for TLS ask for certificates, as the policy says. The streams must be <see cref="ServerTlsStream"/>s.</summary>
    public SslServerAuthenticationOptions Request(SslServerAuthenticationOptions options)
    {
        var state = _state;
        if (state.Policy == ClientCertificatePolicy.None)
        {
            return options;
        }

        options.ClientCertificateRequired = true;
        options.CertificateChainPolicy = state.Verifier.CreatePolicy();
        // A resumed session brings the certificate of an earlier handshake along, unseen and unjudged.
        options.AllowTlsResume = false;
        options.RemoteCertificateValidationCallback = (stream, certificate, chain, _) => Judge(state, (ServerTlsStream)stream, certificate, chain);
        return options;
    }

    /// <summary>Whether a client with this certificate, or with none, may be connected by TLS under what is in force now.</summary>
    public bool Accepts(ClientCertificate? certificate)
    {
        var state = _state;
        return state.Policy switch
        {
            ClientCertificatePolicy.None => true,
            _ when certificate is null => state.Policy == ClientCertificatePolicy.Optional,
            _ => state.Verifier.JudgeAgain(certificate) is null,
        };
    }

    /// <summary>Whose certificate it is. With the policy "none" nobody's: certificates are not looked at.</summary>
    public CertificateIdentity Identify(ClientCertificate? certificate)
    {
        var state = _state;
        return certificate is null || state.Policy == ClientCertificatePolicy.None ? default : state.Mapping.Identify(certificate.Names);
    }

    private bool Judge(State state, ServerTlsStream stream, X509Certificate? certificate, X509Chain? chain)
    {
        if (certificate is null)
        {
            stream.Refusal = state.Policy == ClientCertificatePolicy.Required ? "the client sent no certificate, and one is required" : null;
            return stream.Refusal is null;
        }

        if (certificate is not X509Certificate2 leaf || chain is null)
        {
            stream.Refusal = "the client's certificate cannot be read";
            return false;
        }

        var (accepted, refusal) = state.Verifier.Judge(leaf, chain);
        if (accepted is null)
        {
            stream.Refusal = $"client certificate {ClientCertificate.Label(leaf)} {refusal}";
            return false;
        }

        stream.ClientCertificate = accepted;
        seen.Add(accepted.Description);
        return true;
    }

    private sealed record State(ClientCertificatePolicy Policy, ClientCertificateVerifier Verifier, CertificateMappingRule Mapping);
}
