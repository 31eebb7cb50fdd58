using System.Text;
using Chariot.Admin.Ssl;
using Chariot.Admin.Ssl.Validation;
using Chariot.TestKit.Certificates;

namespace Chariot.Admin.Tests.Ssl.Validation;

/// <summary>The validator, without a server around it.</summary>
internal static class Inspecting
{
    public static BundleInspection Inspect(this BundleFiles files) =>
        new CertificateBundleValidator(TimeProvider.System).InspectBundle(Bytes(files.Key), Bytes(files.Certificate), Bytes(files.Chain));

    public static byte[]? Bytes(string? latin1) => latin1 is null ? null : Encoding.Latin1.GetBytes(latin1);
}
