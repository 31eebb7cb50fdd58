namespace Chariot.Edge.Authentication;

/// <summary>What the mapping says of a certificate.</summary>
internal enum CertificateIdentityKind
{
    /// <summary>Nothing: its holder is as anonymous as anybody.</summary>
    Unmapped,
    /// <summary>It stands for a credential.</summary>
    Mapped,
    /// <summary>A mapping looks at a name that this certificate does not have in one clear form; its holder is refused.</summary>
    Unclear,
}

/// <param name="Username">The credential; null unless mapped.</param>
internal readonly record struct CertificateIdentity(CertificateIdentityKind Kind, string? Username = null);
