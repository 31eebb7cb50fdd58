using Chariot.Abstractions.Access;

namespace Chariot.Edge.Sessions;

/// <summary>
/// The rights of one client under one configuration. A new object for each change, so that decisions cached against it are
/// void the moment it is replaced.
/// </summary>
internal sealed class ClientAccess(AccessControlList list)
{
    public static readonly ClientAccess Nothing = new(AccessControlList.Nothing);

    public AccessControlList List { get; } = list;
}
