using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Secrets;

/// <summary>
/// Envelope encryption under the master key. <see cref="SealedSecret.WrappedKey"/> is version (1 byte), nonce (12), encrypted
/// data key (32), tag (16); <see cref="SealedSecret.Ciphertext"/> ends with its tag (16). The associated data is bound into both
/// layers, so neither can be moved to another secret.
/// </summary>
internal sealed class SecretSealer(MasterKey masterKey) : ISecretSealer
{
    private const byte Version = 1;
    private const int KeyLength = 32;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int WrappedLength = 1 + NonceLength + KeyLength + TagLength;

    public SealedSecret Seal(ReadOnlySpan<byte> clear, string associatedData)
    {
        using var dataKey = new ClearSecret(KeyLength);
        RandomNumberGenerator.Fill(dataKey.Bytes);

        var nonce = RandomNumberGenerator.GetBytes(NonceLength);
        var ciphertext = new byte[clear.Length + TagLength];
        using (var aes = new AesGcm(dataKey.Bytes, TagLength))
        {
            aes.Encrypt(nonce, clear, ciphertext.AsSpan(0, clear.Length), ciphertext.AsSpan(clear.Length), Bind("chariot/secret/v1", associatedData));
        }

        var wrapped = new byte[WrappedLength];
        wrapped[0] = Version;
        var wrapNonce = wrapped.AsSpan(1, NonceLength);
        RandomNumberGenerator.Fill(wrapNonce);
        using (var aes = OpenKeyEncryptionKey())
        {
            aes.Encrypt(wrapNonce, dataKey.Bytes, wrapped.AsSpan(1 + NonceLength, KeyLength), wrapped.AsSpan(WrappedLength - TagLength), Bind("chariot/data-key/v1", associatedData));
        }

        return new SealedSecret(wrapped, nonce, ciphertext);
    }

    public ClearSecret Open(SealedSecret secret, string associatedData)
    {
        ArgumentNullException.ThrowIfNull(secret);
        if (secret.WrappedKey is not { Length: WrappedLength } wrapped || wrapped[0] != Version ||
            secret.Nonce is not { Length: NonceLength } nonce || secret.Ciphertext is not { Length: >= TagLength } ciphertext)
        {
            throw new CryptographicException("The sealed secret is malformed.");
        }

        using var dataKey = new ClearSecret(KeyLength);
        using (var aes = OpenKeyEncryptionKey())
        {
            aes.Decrypt(wrapped.AsSpan(1, NonceLength), wrapped.AsSpan(1 + NonceLength, KeyLength), wrapped.AsSpan(WrappedLength - TagLength), dataKey.Bytes, Bind("chariot/data-key/v1", associatedData));
        }

        var length = ciphertext.Length - TagLength;
        var clear = new ClearSecret(length);
        try
        {
            using var aes = new AesGcm(dataKey.Bytes, TagLength);
            aes.Decrypt(nonce, ciphertext.AsSpan(0, length), ciphertext.AsSpan(length), clear.Bytes, Bind("chariot/secret/v1", associatedData));
            return clear;
        }
        catch
        {
            clear.Dispose();
            throw;
        }
    }

    public byte[] Derive(string purpose)
    {
        var key = GC.AllocateArray<byte>(KeyLength, pinned: true);
        HKDF.DeriveKey(HashAlgorithmName.SHA256, masterKey.Bytes, key, salt: default, Encoding.UTF8.GetBytes("chariot/derive/v1/" + purpose));
        return key;
    }

    // One AesGcm per call: an instance is not safe for concurrent use.
    private AesGcm OpenKeyEncryptionKey()
    {
        using var key = new ClearSecret(KeyLength);
        HKDF.DeriveKey(HashAlgorithmName.SHA256, masterKey.Bytes, key.Bytes, salt: default, "chariot/kek/v1"u8);
        return new AesGcm(key.Bytes, TagLength);
    }

    private static byte[] Bind(string layer, string associatedData) => Encoding.UTF8.GetBytes($"{layer}\0{associatedData}");
}
