using Tessera.Gguf;

namespace Tessera.Quantizing;

/// <summary>
/// A recipe by its known name. Sources, llama.cpp v0.5.0: <c>llama_ftype</c> of include/llama.h, names of tools/quantize/quantize.cpp.
/// </summary>
/// <param name="Name">The name.</param>
/// <param name="FileType">The number of <c>llama_ftype</c>, stored as <c>general.file_type</c>.</param>
/// <param name="BaseType">The type of most matrices.</param>
internal sealed record QuantizationRecipe(string Name, int FileType, GgufTensorType BaseType)
{
    public static IReadOnlyList<QuantizationRecipe> All { get; } =
    [
        new("F32", 0, GgufTensorType.F32),
        new("F16", 1, GgufTensorType.F16),
        new("BF16", 32, GgufTensorType.BF16),
        new("Q8_0", 7, GgufTensorType.Q8_0),
        new("Q6_K", 18, GgufTensorType.Q6_K),
        new("Q5_K_M", 17, GgufTensorType.Q5_K),
        new("Q5_K_S", 16, GgufTensorType.Q5_K),
        new("Q5_0", 8, GgufTensorType.Q5_0),
        new("Q5_1", 9, GgufTensorType.Q5_1),
        new("Q4_K_M", 15, GgufTensorType.Q4_K),
        new("Q4_K_S", 14, GgufTensorType.Q4_K),
        new("Q4_0", 2, GgufTensorType.Q4_0),
        new("Q4_1", 3, GgufTensorType.Q4_1),
        new("Q3_K_L", 13, GgufTensorType.Q3_K),
        new("Q3_K_M", 12, GgufTensorType.Q3_K),
        new("Q3_K_S", 11, GgufTensorType.Q3_K),
        new("Q2_K", 10, GgufTensorType.Q2_K),
        new("Q2_K_S", 21, GgufTensorType.Q2_K),
        new("IQ4_NL", 25, GgufTensorType.IQ4_NL),
        new("IQ4_XS", 30, GgufTensorType.IQ4_XS),
        new("IQ3_M", 27, GgufTensorType.IQ3_S),
        new("IQ3_S", 26, GgufTensorType.IQ3_S),
        new("IQ3_XS", 22, GgufTensorType.IQ3_S),
        new("IQ3_XXS", 23, GgufTensorType.IQ3_XXS),
        new("IQ2_M", 29, GgufTensorType.IQ2_S),
        new("IQ2_S", 28, GgufTensorType.IQ2_XS),
        new("IQ2_XS", 20, GgufTensorType.IQ2_XS),
        new("IQ2_XXS", 19, GgufTensorType.IQ2_XXS),
        new("IQ1_M", 31, GgufTensorType.IQ1_M),
        new("IQ1_S", 24, GgufTensorType.IQ1_S),
    ];

    // Short names that llama.cpp's program knows too.
    private static readonly Dictionary<string, string> Aliases = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Q3_K"] = "Q3_K_M",
        ["Q4_K"] = "Q4_K_M",
        ["Q5_K"] = "Q5_K_M",
    };

    /// <summary>Finds a recipe, whatever the case of its name.</summary>
    /// <exception cref="TesseraException">There is none; the message names those there are.</exception>
    public static QuantizationRecipe Require(string name)
    {
        string wanted = Aliases.GetValueOrDefault(name, name);
        return All.FirstOrDefault(recipe => recipe.Name.Equals(wanted, StringComparison.OrdinalIgnoreCase))
            ?? throw new TesseraException(
                $"There is no quantization '{name}'; there are {string.Join(", ", All.Select(static recipe => recipe.Name))}."
            );
    }

    /// <summary>The tensor type of a name that stands for one type alone.</summary>
    /// <exception cref="TesseraException">It stands for a mixture or for nothing.</exception>
    public static GgufTensorType RequireType(string name) =>
        Enum.TryParse(name, ignoreCase: true, out GgufTensorType type)
        && All.Any(recipe => recipe.BaseType == type)
        && !int.TryParse(name, out _)
            ? type
            : throw new TesseraException(
                $"There is no tensor type '{name}'; there are {string.Join(", ", All.Select(static recipe => recipe.BaseType).Distinct())}."
            );

    /// <summary>Whether ggml refuses to make a type without an importance matrix, or makes garbage (src/llama-quant.cpp,
    /// tensor_requires_imatrix).</summary>
    public bool NeedsImportance(GgufTensorType type) =>
        type switch
        {
            GgufTensorType.IQ3_XXS
            or GgufTensorType.IQ2_XXS
            or GgufTensorType.IQ2_XS
            or GgufTensorType.IQ2_S
            or GgufTensorType.IQ1_M
            or GgufTensorType.IQ1_S => true,
            GgufTensorType.Q2_K => Name == "Q2_K_S",
            _ => false,
        };

    /// <summary>The type for rows whose length is no whole number of the type's blocks: the nearest with blocks of 32, else half
    /// precision.</summary>
    public static GgufTensorType Fit(GgufTensorType type, long rowLength)
    {
        if (rowLength % type.BlockLength() == 0)
            return type;
        GgufTensorType smaller = type switch
        {
            GgufTensorType.Q2_K or GgufTensorType.Q3_K => GgufTensorType.Q4_0,
            GgufTensorType.Q4_K => GgufTensorType.Q5_0,
            GgufTensorType.Q5_K => GgufTensorType.Q5_1,
            GgufTensorType.Q6_K => GgufTensorType.Q8_0,
            _ => GgufTensorType.IQ4_NL,
        };
        return rowLength % smaller.BlockLength() == 0 ? smaller : GgufTensorType.F16;
    }
}
