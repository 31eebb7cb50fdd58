using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.Cluster.Tls;

/// <summary>
/// Asks the responders of a certificate, with every bound that .NET's own fetch lacks: <see cref="Timeout"/> in all,
/// <see cref="MaximumAnswer"/>, no redirect.
/// </summary>
internal sealed class OcspResponder : IDisposable
{
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <summary>Bytes. Answers have 0.5 to 3 KiB.</summary>
    public const int MaximumAnswer = 64 * 1024;

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionIdleTimeout = TimeSpan.FromSeconds(15) })
    {
        Timeout = Timeout,
        MaxResponseContentBufferSize = MaximumAnswer,
    };

    /// <summary>The http addresses that the certificate names, in its order.</summary>
    public static IReadOnlyList<Uri> AddressesOf(X509Certificate2 certificate)
    {
        try
        {
            return
            [
                .. certificate.Extensions.OfType<X509AuthorityInformationAccessExtension>().SelectMany(extension => extension.EnumerateOcspUris())
                    .Select(text => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttp ? uri : null).OfType<Uri>(),
            ];
        }
        catch (CryptographicException)
        {
            // An extension that cannot be read names nobody.
            return [];
        }
    }

    /// <summary>The first answer about <paramref name="certificate"/>, or one sentence that says why there is none.</summary>
    public async Task<(OcspAnswer? Answer, string? Problem)> AskAsync(X509Certificate2 certificate, X509Certificate2 issuer, IReadOnlyList<Uri> addresses, CancellationToken cancellationToken)
    {
        var request = Uri.EscapeDataString(Convert.ToBase64String(OcspMessage.Request(certificate, issuer)));
        string? problem = null;
        foreach (var address in addresses)
        {
            try
            {
                // GET, as .NET does and as caches like it (RFC 5019 section 5).
                using var response = await _http.GetAsync(new Uri($"{address.AbsoluteUri.TrimEnd('/')}/{request}"), cancellationToken);
                if (response.StatusCode != HttpStatusCode.OK)
                {
                    problem = $"The OCSP responder {address} answers with HTTP status {(int)response.StatusCode}.";
                    continue;
                }

                if (OcspMessage.Read(await response.Content.ReadAsByteArrayAsync(cancellationToken), certificate) is { } answer)
                {
                    return (answer, null);
                }

                problem = $"The OCSP responder {address} does not answer for this certificate.";
            }
            catch (HttpRequestException error)
            {
                problem = $"The OCSP responder {address} cannot be reached ({error.HttpRequestError}).";
            }
            catch (AsnContentException)
            {
                problem = $"What {address} answers is no OCSP response.";
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                problem = $"The OCSP responder {address} did not answer within {Timeout.TotalSeconds:0} s.";
            }
        }

        return (null, problem);
    }

    public void Dispose() => _http.Dispose();
}
