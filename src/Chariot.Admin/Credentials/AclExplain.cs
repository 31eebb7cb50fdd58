using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;

namespace Chariot.Admin.Credentials;

internal enum AclAction
{
    Publish,
    Subscribe,
}

/// <summary>Whether something is allowed, and by which entry.</summary>
/// <param name="Filter">The entry that decided; null when none matched.</param>
/// <param name="Line">Its place in the list, from 1.</param>
internal sealed record AclExplanation(bool Allowed, string? Filter, int? Line);

/// <summary>Says what a client may do, with the rules that the MQTT side uses.</summary>
internal sealed class AclExplain(AdminGrains grains)
{
    public async Task<Act<AclExplanation>> ExplainAsync(string? username, bool anonymous, string clientId, AclAction action, string topic)
    {
        if (anonymous == username is not null)
        {
            return Refusal.Invalid("Say who: username, or anonymous: true.", [Findings.Error("username.missing", "username", "Give a username, or anonymous: true, not both.")]);
        }

        var mqtt = (await grains.Configuration.GetAsync()).Mqtt;
        var valid = action == AclAction.Publish
            ? TopicFilter.IsValidTopicName(Encoding.UTF8.GetBytes(topic), mqtt.Limits.MaximumTopicLength, mqtt.Limits.MaximumTopicLevels)
            : TopicFilter.IsValidFilter(topic, mqtt.Limits.MaximumTopicLength, mqtt.Limits.MaximumTopicLevels);
        if (!valid)
        {
            return Refusal.Invalid("The topic is refused.", [Findings.Error("topic.invalid", "topic", action == AclAction.Publish ? "This is no topic name." : "This is no topic filter.")]);
        }

        if (anonymous && !mqtt.AllowAnonymous)
        {
            return Act<AclExplanation>.Done(new AclExplanation(false, null, null));
        }

        var name = anonymous ? mqtt.AnonymousCredential : username;
        if (name is null)
        {
            return Act<AclExplanation>.Done(Decide(AccessControlList.Everything, action, topic));
        }

        if (!CredentialRules.CheckUsername(name).IsEmpty || await grains.Credential(name).GetAsync() is not { } credential)
        {
            return Refusal.NotFound("There is no such credential.");
        }

        return credential.Enabled
            ? Act<AclExplanation>.Done(Decide(AccessControlList.Compile(credential.PublishAcl, credential.SubscribeAcl, clientId, anonymous ? null : name), action, topic))
            : Act<AclExplanation>.Done(new AclExplanation(false, null, null));
    }

    private static AclExplanation Decide(AccessControlList rights, AclAction action, string topic)
    {
        var decision = action == AclAction.Publish ? rights.ExplainPublish(Encoding.UTF8.GetBytes(topic)) : rights.ExplainSubscribe(topic);
        return new AclExplanation(decision.Allowed, decision.Filter, decision.Line);
    }
}
