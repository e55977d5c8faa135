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
    public static KernelLevel Allowed { get; } = Read(Environment.GetEnvironmentVariable);

    /// <summary>Refuses a variable that names no level.</summary>
    /// <exception cref="NativeLibraryException">It does not.</exception>
    public static void Check(Func<string, string?> variable)
    {
        if (variable(Variable) is { Length: > 0 } name && Parse(name) is null)
            throw new NativeLibraryException($"{Variable} is '{name}': it may be ggml, avx2, avx512 or amx.");
    }

    /// <summary>The level that variables of the environment name.</summary>
    public static KernelLevel Read(Func<string, string?> variable)
    {
        KernelLevel chosen = Parse(variable(Variable)) ?? KernelLevel.Amx;
        // The runtime's own switches, which a program that was compiled ahead of time has not.
        bool isWithoutAvx512 = variable("DOTNET_EnableAVX512") is "0" || variable("DOTNET_EnableAVX512F") is "0";
        return isWithoutAvx512 && chosen > KernelLevel.Avx2 ? KernelLevel.Avx2 : chosen;
    }

    private static KernelLevel? Parse(string? name) =>
        name?.ToLowerInvariant() switch
        {
            "ggml" => KernelLevel.Ggml,
            "avx2" => KernelLevel.Avx2,
            "avx512" => KernelLevel.Avx512,
            "amx" => KernelLevel.Amx,
            _ => null,
        };
}
