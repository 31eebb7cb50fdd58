using Chariot.Abstractions.Configuration;

namespace Chariot.Abstractions.Access;

/// <summary>
/// The one rule from a principal to its rights under the configuration in force, for session grains and edges alike.
/// </summary>
public static class AccessResolver
{
    /// <summary>
    /// The rights of <paramref name="principal"/> under <paramref name="feed"/>'s current configuration. Anonymous: nothing
    /// unless allowed; then the mapped credential's ACLs, or <see cref="AccessControlList.Everything"/> without a mapping.
    /// A credential that is missing or disabled grants nothing. Fails, never grants, when a credential cannot be read.
    /// </summary>
    public static async ValueTask<AccessControlList> ResolveAsync(IConfigurationFeed feed, Principal principal, string clientId, CancellationToken cancellationToken = default)
    {
        var mqtt = feed.Current.Mqtt;
        if (principal.IsAnonymous && !mqtt.AllowAnonymous)
        {
            return AccessControlList.Nothing;
        }

        if ((principal.Username ?? mqtt.AnonymousCredential) is not { } username)
        {
            return AccessControlList.Everything;
        }

        // An anonymous client has no name: the mapped credential lends its ACLs, not its username, so %u matches nothing.
        return await feed.FindCredentialAsync(username, cancellationToken) is { Enabled: true } credential
            ? AccessControlList.Compile(credential.PublishAcl, credential.SubscribeAcl, clientId, principal.Username)
            : AccessControlList.Nothing;
    }
}
