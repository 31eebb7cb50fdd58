namespace Chariot.Edge.Codec;

/// <summary>
/// The part of a PUBLISH's or will's properties that goes to subscribers unaltered and in order [MQTT-3.3.2-4], [MQTT-3.3.2-15] to
/// [MQTT-3.3.2-20]: all but <see cref="PropertyId.NotForwarded"/>.
/// </summary>
internal static class ForwardedProperties
{
    /// <summary>
    /// Copies what is to be forwarded and returns its length. <paramref name="block"/> must have been read without error;
    /// <paramref name="destination"/> as long as the block is always enough.
    /// </summary>
    public static int Copy(ReadOnlySpan<byte> block, Span<byte> destination)
    {
        var length = 0;
        var properties = new PropertyReader(block, PropertyId.InPublish | PropertyId.InWill);
        while (properties.MoveNext())
        {
            if ((PropertyId.NotForwarded >> properties.Id & 1) != 0)
            {
                continue;
            }

            var property = block[properties.Start..properties.End];
            property.CopyTo(destination[length..]);
            length += property.Length;
        }

        return length;
    }
}
