using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;

namespace Tessera.Delivery.Tests;

/// <summary>Every public method and constructor refuses null where null makes no sense, and says for which parameter.</summary>
public sealed class ArgumentCheckTests
{
    private static readonly Type[] Libraries =
    [
        typeof(Gguf.GgufFile),
        typeof(ChatTemplates.ChatTemplate),
        typeof(Grammars.Gbnf),
        typeof(Checkpoints.CheckpointConverter),
        typeof(MultimodalModel),
        typeof(Extensions.AI.TesseraChatClient),
        typeof(LLamaSharp.VisionWeights),
    ];

    // Objects that were never set up must not be finalized.
    private static readonly List<object> Kept = [];

    // What the compiler writes for records, and what the base class library defines.
    private static readonly string[] Given = ["Equals", "GetHashCode", "ToString", "Deconstruct", "PrintMembers"];

    public static TheoryData<string> Assemblies => [.. Libraries.Select(static type => type.Assembly.GetName().Name!)];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Null_is_refused_by_name(string assembly)
    {
        var wrong = new List<string>();
        int checkedCount = 0;
        foreach (Type type in Assembly.Load(assembly).GetExportedTypes().Where(IsChecked))
        {
            foreach (MethodBase method in Methods(type))
            {
                foreach (ParameterInfo parameter in method.GetParameters().Where(IsRequired))
                {
                    checkedCount++;
                    Exception? failure = FailureOf(type, method, parameter);
                    if (failure is not ArgumentNullException refused || !IsNameOf(parameter, refused.ParamName))
                        wrong.Add($"{type.Name}.{method.Name}({parameter.Name}): {failure?.GetType().Name}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(checkedCount > 0);
    }

    // A record's parameter has its property's name.
    private static bool IsNameOf(ParameterInfo parameter, string? name) =>
        string.Equals(parameter.Name, name, StringComparison.OrdinalIgnoreCase);

    // Exceptions say what they are given, as those of .NET do; delegates and enums have no code of ours.
    private static bool IsChecked(Type type) =>
        !type.IsAssignableTo(typeof(Exception)) && !type.IsAssignableTo(typeof(Delegate)) && !type.IsEnum && !type.IsInterface;

    // Results are records that the library makes; what its users make are these.
    private static readonly Type[] Inputs = [typeof(ChatTemplates.ChatTemplateMessage), typeof(ChatTemplates.ChatTemplateToolCall)];

    private static IEnumerable<MethodBase> Methods(Type type) =>
        type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .Where(static method => !method.IsSpecialName && !Given.Contains(method.Name))
            .Where(static method => method.GetCustomAttribute<CompilerGeneratedAttribute>() is null && !TakesSpans(method))
            .Cast<MethodBase>()
            .Concat(type.IsAbstract || IsRecord(type) && !Inputs.Contains(type) ? [] : type.GetConstructors());

    // Reflection cannot call them.
    private static bool TakesSpans(MethodInfo method) =>
        method.ReturnType.IsByRefLike || method.GetParameters().Any(static parameter => parameter.ParameterType.IsByRefLike);

    private static bool IsRecord(Type type) => type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic) is not null;

    private static bool IsRequired(ParameterInfo parameter) =>
        !parameter.IsOut
        && !parameter.ParameterType.IsByRef
        && !parameter.ParameterType.IsValueType
        && !parameter.ParameterType.IsGenericParameter
        && new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.NotNull;

    private static Exception? FailureOf(Type type, MethodBase method, ParameterInfo missing)
    {
        if (method is MethodInfo { IsGenericMethodDefinition: true } generic)
            method = generic.MakeGenericMethod([.. generic.GetGenericArguments().Select(static _ => typeof(string))]);
        object?[] arguments =
        [
            .. method.GetParameters().Select(parameter => parameter.Position == missing.Position ? null : Stand(parameter.ParameterType)),
        ];
        object? instance = method.IsStatic || method.IsConstructor ? null : Stand(type);
        try
        {
            object? result = method is ConstructorInfo constructor ? constructor.Invoke(arguments) : method.Invoke(instance, arguments);
            switch (result)
            {
                case Task task:
                    task.GetAwaiter().GetResult();
                    break;
                case IEnumerable sequence when method is MethodInfo { ReturnType.IsInterface: true }:
                    sequence.GetEnumerator().MoveNext();
                    break;
                default:
                    if (result is not null && StreamOf(result) is { } stream)
                        MoveNext(stream, result);
                    break;
            }

            return null;
        }
        catch (TargetInvocationException failure)
        {
            return failure.InnerException;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    private static Type? StreamOf(object result) =>
        result
            .GetType()
            .GetInterfaces()
            .FirstOrDefault(static type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IAsyncEnumerable<>));

    private static void MoveNext(Type stream, object result)
    {
        Type element = stream.GetGenericArguments()[0];
        object enumerator = stream.GetMethod("GetAsyncEnumerator")!.Invoke(result, [CancellationToken.None])!;
        var step =
            (ValueTask<bool>)typeof(IAsyncEnumerator<>).MakeGenericType(element).GetMethod("MoveNextAsync")!.Invoke(enumerator, null)!;
        step.AsTask().GetAwaiter().GetResult();
    }

    // Something that is not null and was never set up: whoever uses it before the check fails with another exception.
    private static object? Stand(Type type)
    {
        if (type == typeof(string))
            return "x";
        if (type == typeof(Stream))
            return new MemoryStream();
        if (type == typeof(TextWriter))
            return new StringWriter();
        if (type == typeof(IServiceCollection))
            return new ServiceCollection();
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
            return Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(type.GetGenericArguments()));
        if (type.IsArray)
            return Array.CreateInstance(type.GetElementType()!, 0);
        if (type.IsGenericType && type.IsInterface)
            return Array.CreateInstance(type.GetGenericArguments()[0], 0) is { } empty && type.IsInstanceOfType(empty) ? empty : null;
        if (type.IsValueType)
            return Activator.CreateInstance(type);
        if (type.IsInterface || type.IsAbstract || type.IsByRef || type.IsAssignableTo(typeof(Delegate)))
            return null;
        object stand = RuntimeHelpers.GetUninitializedObject(type);
        Kept.Add(stand);
        return stand;
    }
}
