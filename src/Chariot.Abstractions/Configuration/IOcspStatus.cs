namespace Chariot.Abstractions.Configuration;

/// <summary>What this process knows of OCSP stapling for the certificate that it serves.</summary>
public interface IOcspStatus
{
    /// <summary>Null while stapling is off or SSL is not set up.</summary>
    OcspStatus? Current { get; }
}

/// <summary>The state of stapling for one set-up.</summary>
/// <param name="SetupId"><see cref="SslConfiguration.SetupId"/> that is meant.</param>
/// <param name="Responder">Address from the certificate; null when it names none over http.</param>
/// <param name="Problem">One sentence on why clients get no fresh answer stapled; null when they do.</param>
/// <param name="NextUpdate">Until when the last good answer holds; null when there is none.</param>
public sealed record OcspStatus(string SetupId, string? Responder, string? Problem, DateTimeOffset? NextUpdate);
