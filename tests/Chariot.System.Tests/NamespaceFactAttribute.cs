using Chariot.TestKit.Networks;

namespace Chariot.SystemTests;

/// <summary>A test with network namespaces; where they are not permitted it is skipped and says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NamespaceFactAttribute : FactAttribute
{
    public NamespaceFactAttribute() => Skip = NamespaceNetwork.Unavailable;
}
