using Tessera.Native;

namespace Tessera.Compute.Kernels.Code;

/// <summary>Which of the processor's instructions kernels may use, each with those before it.</summary>
internal enum KernelLevel
{
    /// <summary>None of Tessera's own: ggml computes everything.</summary>
    Ggml,
    Avx2,
    Avx512,
    Amx,
}

/// <summary>What the user allows.</summary>
internal static class KernelLevels
{
    /// <summary>The environment variable that says so.</summary>
    public const string Variable = "TESSERA_KERNELS";

    /// <summary>The highest level that may be used; the processor may have less.</summary>
    /// <exception cref="NativeLibraryException">The variable names none.</exception>
    public static KernelLevel Allowed { get; } = Read(Environment.GetEnvironmentVariable);

    /// <summary>Whether the variable, if there is one, names a level.</summary>
    public static void Check() => _ = Parse(Environment.GetEnvironmentVariable(Variable));

    internal static KernelLevel Read(Func<string, string?> variable)
    {
        KernelLevel chosen = Parse(variable(Variable));
        // The runtime's own switches; compiled ahead of time, a program has none.
        bool isWithoutAvx512 = IsOff(variable("DOTNET_EnableAVX512")) || IsOff(variable("DOTNET_EnableAVX512F"));
        return isWithoutAvx512 && chosen > KernelLevel.Avx2 ? KernelLevel.Avx2 : chosen;
    }

    private static KernelLevel Parse(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return KernelLevel.Amx;
        return
            Enum.TryParse(name, ignoreCase: true, out KernelLevel level)
            && Enum.IsDefined(level)
            && !char.IsAsciiDigit(name[0])
            ? level
            : throw new NativeLibraryException($"{Variable} is '{name}': it may be ggml, avx2, avx512 or amx.");
    }

    private static bool IsOff(string? value) => value is "0";
}
