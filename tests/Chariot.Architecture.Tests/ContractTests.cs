using System.Reflection;
using Chariot.Abstractions.Configuration;
using Orleans;
using Orleans.Services;

namespace Chariot.Architecture.Tests;

/// <summary>
/// Grain interfaces and their types are a wire protocol between versions of the broker: named by aliases, numbered members.
/// </summary>
public class ContractTests
{
    private static readonly Type[] Contracts = [.. Sources.Abstractions.GetTypes().Where(type => type.IsInterface && IsRemote(type))];
    private static readonly Type[] Serializable = [.. Sources.All.SelectMany(assembly => assembly.GetTypes()).Where(type => type.IsDefined(typeof(GenerateSerializerAttribute)))];

    [Fact]
    public void GrainInterfaces_LiveInAbstractions()
    {
        Assert.NotEmpty(Contracts);
        var elsewhere = Sources.All.Where(assembly => assembly != Sources.Abstractions).SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.IsInterface && IsRemote(type));
        Assert.DoesNotContain(elsewhere, type => !IsInternalToItsAssembly(type));
    }

    [Fact]
    public void GrainInterfaces_AndTheirMethods_HaveAnAlias()
    {
        var missing = Contracts.Where(type => !HasAlias(type)).Select(type => type.FullName)
            .Concat(Contracts.SelectMany(type => type.GetMethods()).Where(method => !HasAlias(method)).Select(method => $"{method.DeclaringType}.{method.Name}"));

        Rule.HasNoOffenders(missing);
    }

    [Fact]
    public void SerializableTypes_HaveAnAlias_ThatNoOtherHas()
    {
        Assert.NotEmpty(Serializable);
        Rule.HasNoOffenders(Serializable.Where(type => !HasAlias(type)).Select(type => type.FullName));
        var aliases = Serializable.Concat(Contracts).Select(type => type.GetCustomAttribute<AliasAttribute>()!.Alias).ToArray();
        Assert.Empty(aliases.GroupBy(alias => alias).Where(group => group.Count() > 1).Select(group => group.Key));
    }

    [Fact]
    public void GrainMethods_DoNotShareAnAlias()
    {
        foreach (var type in Contracts)
        {
            var aliases = type.GetMethods().Select(method => method.GetCustomAttribute<AliasAttribute>()!.Alias).ToArray();
            Assert.Equal(aliases.Distinct(), aliases);
        }
    }

    [Fact]
    public void NoGrainMethod_IsOneWay()
    {
        // More than half of such calls arrived out of order when measured, and their loss is silent.
        var oneWay = Contracts.SelectMany(type => type.GetMethods()).Where(method => method.IsDefined(typeof(Orleans.Concurrency.OneWayAttribute)));

        Assert.Empty(oneWay);
    }

    [Fact]
    public void ClearSecret_IsInNoRecord_NoOrleansType_AndNoLogCall()
    {
        var offenders = new List<string>();
        foreach (var type in Sources.All.SelectMany(assembly => assembly.GetTypes()))
        {
            var isRecord = type.GetMethod("<Clone>$") is not null || type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic) is not null;
            if ((isRecord || type.IsDefined(typeof(GenerateSerializerAttribute))) && Members(type).Any(CanHold))
            {
                offenders.Add($"{type} holds it");
            }

            if (type.IsInterface && IsRemote(type))
            {
                offenders.AddRange(type.GetMethods()
                    .Where(method => method.GetParameters().Select(parameter => parameter.ParameterType).Append(method.ReturnType).Any(CanHold))
                    .Select(method => $"{type}.{method.Name} carries it"));
            }

            offenders.AddRange(LogMethods(type)
                .Where(method => method.GetParameters().Any(parameter => CanHold(parameter.ParameterType)))
                .Select(method => $"{type}.{method.Name} logs it"));
        }

        Rule.HasNoOffenders(offenders);
    }

    [Fact]
    public void ClearSecret_CannotBePrinted()
    {
        using var secret = new ClearSecret(4);
        secret.Bytes.Fill(0x41);

        Assert.Equal("***", secret.ToString());
    }

    internal static IEnumerable<MethodInfo> LogMethods(Type type) =>
        type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            .Where(method => method.IsDefined(typeof(Microsoft.Extensions.Logging.LoggerMessageAttribute)));

    private static bool HasAlias(MemberInfo member) => member.IsDefined(typeof(AliasAttribute), inherit: false);

    private static bool IsRemote(Type type) =>
        (typeof(IAddressable).IsAssignableFrom(type) || typeof(IGrainService).IsAssignableFrom(type)) && type.Assembly.GetName().Name!.StartsWith("Chariot.", StringComparison.OrdinalIgnoreCase);

    private static bool IsInternalToItsAssembly(Type type) => !type.IsPublic && !type.IsNestedPublic;

    private static IEnumerable<Type> Members(Type type)
    {
        const BindingFlags All = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        return type.GetFields(All).Select(field => field.FieldType).Concat(type.GetProperties(All).Select(property => property.PropertyType));
    }

    private static bool CanHold(Type type) =>
        type == typeof(ClearSecret)
        || (type.HasElementType && CanHold(type.GetElementType()!))
        || (type.IsGenericType && type.GetGenericArguments().Any(CanHold));
}
