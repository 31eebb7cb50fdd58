using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Diagnostics;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Signing in by certificate, and whether a sign-in of any kind still holds. A user name or password in CONNECT decides alone;
/// without either, a mapped certificate gives its credential; without that, the anonymous rule decides (docs/adr/0008).
/// </summary>
internal sealed class CertificateSignIn(IConfigurationFeed feed, ClientCertificates certificates, EdgeLog log)
{
    /// <summary>Null when the certificate has no say, so that <see cref="Authenticator"/> decides.</summary>
    public async ValueTask<AuthenticationResult?> AuthenticateAsync(string? username, byte[]? password, ClientCertificate? certificate, CancellationToken cancellationToken)
    {
        if (username is not null || password is not null)
        {
            return null;
        }

        var identity = certificates.Identify(certificate);
        switch (identity.Kind)
        {
            case CertificateIdentityKind.Unmapped:
                return null;
            case CertificateIdentityKind.Unclear:
                log.CertificateUnclear(certificate!.Description.SerialNumber, certificate.Description.Sha256Fingerprint);
                return AuthenticationResult.Refuse(ReasonCode.NotAuthorized);
        }

        try
        {
            if (await feed.FindCredentialAsync(identity.Username!, cancellationToken) is { Enabled: true } credential)
            {
                return new AuthenticationResult(ReasonCode.Success, new Principal(credential.Username), null);
            }

            log.MappedCredentialUnusable(certificate!.Description.SerialNumber, identity.Username!);
            return AuthenticationResult.Refuse(ReasonCode.NotAuthorized);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // A credential that cannot be read grants nothing.
            log.MappedCredentialNotRead(error, identity.Username!);
            return AuthenticationResult.Refuse(ReasonCode.ServerUnavailable);
        }
    }

    /// <summary>Whether a client that signed in as <paramref name="principal"/> would be taken for the same one now.</summary>
    /// <param name="verifier">What its password was checked against; null when it gave none.</param>
    /// <param name="certificate">That of its connection.</param>
    public async ValueTask<bool> HoldsAsync(Principal principal, string? verifier, ClientCertificate? certificate, CancellationToken cancellationToken)
    {
        if (verifier is null)
        {
            var identity = certificates.Identify(certificate);
            if (identity.Kind == CertificateIdentityKind.Unclear || identity.Username != principal.Username)
            {
                return false;
            }

            if (principal.IsAnonymous)
            {
                return feed.Current.Mqtt.AllowAnonymous;
            }
        }

        return await feed.FindCredentialAsync(principal.Username!, cancellationToken) is { Enabled: true } credential
            && (verifier is null || credential.PasswordVerifier == verifier);
    }
}
