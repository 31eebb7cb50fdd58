using System.Text;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl;
using Chariot.Admin.Ssl.Validation;
using Chariot.TestKit.Certificates;

namespace Chariot.Admin.Tests.Ssl.Validation;

/// <summary>The validator, without a server around it.</summary>
internal static class Inspecting
{
    /// <summary>The same that the running broker has: the table is made for it.</summary>
    public static TimeProvider Clock => TimeProvider.System;

    public static BundleInspection Inspect(this BundleFiles files)
    {
        using var passphrase = Secret(files.Passphrase);
        return new CertificateBundleValidator(Clock).InspectBundle(Bytes(files.Key), Bytes(files.Certificate), Bytes(files.Chain), passphrase);
    }

    /// <summary>A passphrase as it comes out of an upload: an empty one is none.</summary>
    public static ClearSecret? Secret(string? passphrase)
    {
        if (string.IsNullOrEmpty(passphrase))
        {
            return null;
        }

        var bytes = Encoding.UTF8.GetBytes(passphrase);
        var secret = new ClearSecret(bytes.Length);
        bytes.CopyTo(secret.Bytes);
        return secret;
    }

    public static byte[]? Bytes(string? latin1) => latin1 is null ? null : Encoding.Latin1.GetBytes(latin1);
}
