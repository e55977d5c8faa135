using System.Text.RegularExpressions;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Quantizing;

/// <summary>
/// The type that a recipe gives each tensor of a language model, as the loaded libllama decides: its own quantizer is run without writing,
/// and says the types in its log.
/// </summary>
internal static unsafe partial class LanguageTypes
{
    /// <summary>The types by the tensors' names.</summary>
    /// <exception cref="ModelFileException">libllama cannot read the model.</exception>
    public static Dictionary<string, GgufTensorType> Find(
        GgufFile file,
        QuantizationRecipe recipe,
        bool hasImportance,
        IReadOnlyList<GgufTensor> tensors
    )
    {
        NativeRuntime.Start();
        var lines = new List<string>();
        NativeLog.ForgetErrors();
        using (NativeLog.Listen(lines.Add))
        {
            if (Run(file.Path, recipe.FileType, hasImportance) != 0)
                throw new ModelFileException(file.Path, $"llama.cpp cannot quantize it: {Clean(NativeLog.TakeErrors())}.");
        }

        Dictionary<string, GgufTensorType> types = Read(lines);
        return tensors.FirstOrDefault(tensor => !types.ContainsKey(tensor.Name)) is { } missing
            ? throw new ModelFileException(file.Path, $"llama.cpp does not say how to quantize tensor {GgufText.Quote(missing.Name)}.")
            : types;
    }

    private static uint Run(string path, int fileType, bool hasImportance)
    {
        llama_model_quantize_params parameters = LlamaQuantize.Defaults();
        parameters.ftype = fileType;
        parameters.allow_requantize = 1;
        parameters.dry_run = 1;
        parameters.nthread = 1;
        float one = 1;
        // Only that there is one changes types.
        fixed (byte* name = "none"u8)
        {
            llama_model_imatrix_data* entries = stackalloc llama_model_imatrix_data[2];
            entries[0] = new llama_model_imatrix_data
            {
                name = name,
                data = &one,
                size = 1,
            };
            entries[1] = default;
            if (hasImportance)
                parameters.imatrix = entries;
            return LlamaQuantize.llama_model_quantize(path, "", &parameters);
        }
    }

    // "[   1/ 291] token_embd.weight - [ 4096, 32000, 1, 1], type = f16, size = 250.00 MiB -> 70.31 MiB (q4_K)"; the last part only where
    // the type changes.
    private static Dictionary<string, GgufTensorType> Read(List<string> lines)
    {
        var types = new Dictionary<string, GgufTensorType>(StringComparer.Ordinal);
        foreach (string line in lines)
        {
            Match match = Line().Match(line);
            if (!match.Success)
                continue;
            string name = match.Groups["new"].Success ? match.Groups["new"].Value : match.Groups["old"].Value;
            if (Enum.TryParse(name, ignoreCase: true, out GgufTensorType type))
                types[match.Groups["name"].Value.TrimEnd(' ')] = type;
        }

        return types;
    }

    private static string Clean(string text) =>
        string.Concat(text.Select(static character => char.IsControl(character) ? ' ' : character)).Trim(' ', '.');

    [GeneratedRegex(@"^\[\s*\d+/\s*\d+\] (?<name>.*) - \[[^\]]*\], type =\s+(?<old>\w+), size =[^>]*(?:->[^(]*\((?<new>\w+)\))?$")]
    private static partial Regex Line();
}
