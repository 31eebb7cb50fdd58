using Chariot.Admin.Server;
using Microsoft.AspNetCore.Components;

namespace Chariot.Ui.Layout;

/// <summary>This page's addresses over HTTP and HTTPS, under the name that the browser knows the host by.</summary>
internal sealed class Addresses(AdminServer server, NavigationManager navigation)
{
    public string Host => Current.Host;

    private Uri Current => new(navigation.Uri);

    /// <summary>Null while HTTPS is closed here.</summary>
    public string? Https => server.HttpsEndPoint is { } endPoint ? With(Uri.UriSchemeHttps, endPoint.Port) : null;

    /// <summary>Null while HTTP is off here.</summary>
    public string? Http => server.HttpEndPoint is { } endPoint ? With(Uri.UriSchemeHttp, endPoint.Port) : null;

    private string With(string scheme, int port) => new UriBuilder(Current) { Scheme = scheme, Port = port }.Uri.AbsoluteUri;
}
