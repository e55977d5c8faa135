using System.Text.RegularExpressions;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Quantizing;
using Tessera.Text.Graph;

namespace Tessera;

/// <summary>
/// Quantizes GGUF files. Of a language model, libllama decides each tensor's type by the recipe; of a vision projector, all matrices get
/// the recipe's main type. Both are computed by ggml's quantizers, in the order of the source and with some tens of megabytes of memory.
/// </summary>
public static class Quantizer
{
    private static readonly TimeSpan PatternTime = TimeSpan.FromSeconds(1);

    /// <summary>The recipes' names, the largest files first.</summary>
    public static IReadOnlyList<string> Recipes { get; } = [.. QuantizationRecipe.All.Select(static recipe => recipe.Name)];

    /// <summary>Finds out what becomes of a file, without writing.</summary>
    /// <exception cref="TesseraException">There is no such recipe, a rule fits no tensor, or an importance matrix is missing.</exception>
    /// <exception cref="ModelFileException">The file cannot be used.</exception>
    public static Task<QuantizationPlan> PlanAsync(string path, QuantizationOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(options);
        return Task.Run(
            () =>
            {
                using var source = QuantizationSource.Open(path, options.Trial, cancellationToken);
                return Plan(source, options, ReadImportance(options));
            },
            cancellationToken
        );
    }

    /// <summary>Quantizes a file. The other one appears under its name when it is whole.</summary>
    /// <param name="path">A language model, the first part where it is split, or a projector.</param>
    /// <param name="outputPath">The file to write; it may not be the one that is read.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is, on other threads.</param>
    /// <param name="cancellationToken">Stops it within some megabytes.</param>
    /// <returns>What became of it.</returns>
    /// <exception cref="TesseraException">There is no such recipe, a rule fits no tensor, or an importance matrix is missing.</exception>
    /// <exception cref="ModelFileException">The file cannot be used or the other one not written.</exception>
    public static Task<QuantizationPlan> QuantizeAsync(
        string path,
        string outputPath,
        QuantizationOptions options,
        IProgress<QuantizationProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(outputPath);
        ArgumentNullException.ThrowIfNull(options);
        return Task.Run(() => Quantize(path, outputPath, options, progress, cancellationToken), cancellationToken);
    }

    private static QuantizationPlan Quantize(
        string path,
        string outputPath,
        QuantizationOptions options,
        IProgress<QuantizationProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        using var source = QuantizationSource.Open(path, options.Trial, cancellationToken);
        if (source.Files.Any(file => Path.GetFullPath(file.Path) == Path.GetFullPath(outputPath)))
            throw new ModelFileException(outputPath, "it is the file that is read: write to another one.");
        ImportanceMatrix? importance = ReadImportance(options);
        QuantizationPlan plan = Plan(source, options, importance);
        RequireRoom(outputPath, plan.Bytes);
        int threads = options.ThreadCount > 0 ? options.ThreadCount : Environment.ProcessorCount;
        new QuantizedFile(source, plan, importance).Save(outputPath, new TensorQuantizer(threads, cancellationToken), progress);
        return plan;
    }

    private static ImportanceMatrix? ReadImportance(QuantizationOptions options) =>
        options.ImportancePath is null ? null : ImportanceMatrix.Read(options.ImportancePath);

    private static QuantizationPlan Plan(QuantizationSource source, QuantizationOptions options, ImportanceMatrix? importance)
    {
        ComputeDevice.RegisterKernels();
        var recipe = QuantizationRecipe.Require(options.Recipe);
        GgufTensor[] tensors = [.. source.Tensors.Select(static part => part.Tensor)];
        Dictionary<string, GgufTensorType> chosen =
            source.IsProjector ? tensors.ToDictionary(static tensor => tensor.Name, tensor => ProjectorTypes.Choose(tensor, recipe))
            : GraphArchitectures.Runs(source.First) ? GraphTypes.Find(recipe, tensors)
            : LanguageTypes.Find(source.First, recipe, importance is not null, tensors);
        ApplyRules(options.Keep, tensors, chosen);
        var plan = new QuantizationPlan(
            source.First.Path,
            source.IsProjector,
            recipe.Name,
            [.. tensors.Select(tensor => Describe(tensor, chosen[tensor.Name]))]
        );
        foreach (QuantizedTensor tensor in plan.Tensors.Where(static tensor => tensor.Type != tensor.SourceType))
            Check(source.First, tensor, recipe, importance);
        return plan;
    }

    private static QuantizedTensor Describe(GgufTensor tensor, GgufTensorType type)
    {
        GgufTensorTypes.TryMeasure(type, tensor.Shape.AsSpan(), out _, out long bytes, out _);
        return new QuantizedTensor(tensor.Name, tensor.Shape, tensor.Type, type, tensor.ByteLength, bytes);
    }

    private static void ApplyRules(IReadOnlyList<TensorRule> rules, GgufTensor[] tensors, Dictionary<string, GgufTensorType> chosen)
    {
        var settled = new HashSet<string>(StringComparer.Ordinal);
        foreach (TensorRule rule in rules)
        {
            GgufTensorType type = QuantizationRecipe.RequireType(rule.Type);
            GgufTensor[] found = [.. tensors.Where(tensor => tensor.Shape.Length > 1 && Finds(rule, tensor.Name))];
            if (found.Length == 0)
                throw new TesseraException($"No matrix has a name in which '{rule.Pattern}' is found.");
            foreach (GgufTensor tensor in found)
                if (settled.Add(tensor.Name))
                    chosen[tensor.Name] = QuantizationRecipe.Fit(type, tensor.Shape[0]);
        }
    }

    private static bool Finds(TensorRule rule, string name)
    {
        try
        {
            return Regex.IsMatch(name, rule.Pattern, RegexOptions.CultureInvariant, PatternTime);
        }
        catch (Exception failure) when (failure is ArgumentException or RegexMatchTimeoutException)
        {
            throw new TesseraException(
                $"'{rule.Pattern}' is no regular expression that can be used: {failure.Message.TrimEnd('.')}.",
                failure
            );
        }
    }

    // What was rounded to few bits once is not rounded again: the errors would add up unseen.
    private static void Check(GgufFile file, QuantizedTensor tensor, QuantizationRecipe recipe, ImportanceMatrix? importance)
    {
        if (tensor.SourceType is not (GgufTensorType.F32 or GgufTensorType.F16 or GgufTensorType.BF16 or GgufTensorType.Q8_0))
            throw new ModelFileException(
                file.Path,
                $"tensor {GgufText.Quote(tensor.Name)} is {tensor.SourceType} already: start from the model in F16, BF16, F32 or Q8_0."
            );
        bool isTable = tensor.Name is "token_embd.weight" or "per_layer_token_embd.weight" or "output.weight";
        if (!isTable && recipe.NeedsImportance(tensor.Type) && importance?.Find(tensor) is null)
            throw new ModelFileException(
                file.Path,
                $"tensor {GgufText.Quote(tensor.Name)} would be {tensor.Type}, which needs an importance matrix that covers it."
            );
    }

    private static void RequireRoom(string path, long needed)
    {
        try
        {
            string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            long free = new DriveInfo(folder).AvailableFreeSpace;
            if (needed > free)
                throw new ModelFileException(path, $"{needed} bytes are needed, but only {free} are free.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Nothing is known of the disk; writing says what is wrong.
        }
    }
}
