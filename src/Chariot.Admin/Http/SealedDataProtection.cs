using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Chariot.Admin.Http;

/// <summary>
/// ASP.NET's data protection (antiforgery tokens, the markers of Blazor's components) under keys that are derived from the master
/// key. Every admin host has that key, so any of them reads what another wrote, and there is no key ring to store and share.
/// </summary>
internal sealed class SealedDataProtection(ISecretSealer sealer) : IDataProtectionProvider
{
    public IDataProtector CreateProtector(string purpose) => new Protector(sealer, Path("admin-data-protection/v1", purpose));

    // With the length, so that no purpose reads as two.
    private static string Path(string parent, string purpose) => $"{parent}/{purpose.Length}:{purpose}";

    private sealed class Protector(ISecretSealer sealer, string path) : IDataProtector
    {
        private const int NonceSize = 12;
        private const int TagSize = 16;

        private readonly Lazy<byte[]> _key = new(() => sealer.Derive(path));

        public IDataProtector CreateProtector(string purpose) => new Protector(sealer, Path(path, purpose));

        public byte[] Protect(byte[] plaintext)
        {
            var sealed_ = new byte[NonceSize + TagSize + plaintext.Length];
            var nonce = sealed_.AsSpan(0, NonceSize);
            RandomNumberGenerator.Fill(nonce);
            using var aes = new AesGcm(_key.Value, TagSize);
            aes.Encrypt(nonce, plaintext, sealed_.AsSpan(NonceSize + TagSize), sealed_.AsSpan(NonceSize, TagSize));
            return sealed_;
        }

        /// <summary>Throws <see cref="CryptographicException"/> when the data was altered or made under another master key.</summary>
        public byte[] Unprotect(byte[] protectedData)
        {
            if (protectedData.Length < NonceSize + TagSize)
            {
                throw new CryptographicException("The protected data is too short.");
            }

            var clear = new byte[protectedData.Length - NonceSize - TagSize];
            using var aes = new AesGcm(_key.Value, TagSize);
            aes.Decrypt(protectedData.AsSpan(0, NonceSize), protectedData.AsSpan(NonceSize + TagSize), protectedData.AsSpan(NonceSize, TagSize), clear);
            return clear;
        }
    }
}

internal static class SealedDataProtectionServices
{
    /// <summary>Call it after everything that calls AddDataProtection.</summary>
    public static void UseSealedDataProtection(this IServiceCollection services)
    {
        services.Replace(ServiceDescriptor.Singleton<IDataProtectionProvider, SealedDataProtection>());
        // It would make a key ring in the home directory that nobody uses.
        foreach (var starter in services.Where(s => s.ServiceType == typeof(IHostedService) && s.ImplementationType?.Namespace?.StartsWith("Microsoft.AspNetCore.DataProtection", StringComparison.Ordinal) == true).ToList())
        {
            services.Remove(starter);
        }
    }
}
