using System.CommandLine;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera quantize</c>: a GGUF file in fewer bits.</summary>
internal sealed class QuantizeCommand(CliConsole console)
{
    private readonly Argument<string> file = new("FILE")
    {
        Description = "The GGUF file: a language model or a vision projector, in F16, BF16, F32 or Q8_0.",
    };
    private readonly Argument<string> type = new("TYPE") { Description = $"The recipe: {string.Join(", ", Quantizer.Recipes)}." };
    private readonly Option<string?> output = new("--out")
    {
        Description = "The file to write; without it, one beside FILE with the type in its name.",
        HelpName = "F",
    };
    private readonly Option<string?> projectorType = new("--mmproj-type")
    {
        Description = "Quantize the projector beside the language model too.",
        HelpName = "T",
    };
    private readonly Option<string?> importance = new("--imatrix")
    {
        Description = "An importance matrix that 'tessera imatrix' or llama.cpp made.",
        HelpName = "F",
    };
    private readonly Option<string[]> keep = new("--keep")
    {
        Description = "Give matrices in whose names a regular expression is found a type of their own.",
        HelpName = "PATTERN=TYPE",
        DefaultValueFactory = static _ => [],
    };
    private readonly Option<bool> dryRun = new("--dry-run") { Description = "Print each tensor's type and the sizes, and write nothing." };
    private readonly Option<string[]> drift = new("--drift")
    {
        Description = "Compare what was made with FILE, on pictures or on text alone.",
        HelpName = "PICTURES",
        Arity = ArgumentArity.ZeroOrMore,
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document." };

    public static Command Create(CliConsole console)
    {
        var quantize = new QuantizeCommand(console);
        var command = new ExampleCommand(
            "quantize",
            "Quantize a GGUF file.",
            "tessera quantize llava-1.5-7b-f16.gguf Q4_K_M --mmproj-type Q8_0 --drift cat.jpg"
        );
        command.Add(quantize.file);
        command.Add(quantize.type);
        foreach (
            Option option in (Option[])
                [
                    quantize.output,
                    quantize.projectorType,
                    quantize.importance,
                    quantize.keep,
                    quantize.dryRun,
                    quantize.drift,
                    quantize.json,
                ]
        )
            command.Add(option);
        command.SetAction(quantize.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string source = parsed.GetRequiredValue(file);
        bool writes = !parsed.GetValue(dryRun),
            measures = parsed.GetResult(drift) is not null;
        if (measures && !writes)
            throw new UsageException("--drift needs what --dry-run does not write.");
        List<Job> jobs = [JobFor(parsed, source, parsed.GetRequiredValue(type), parsed.GetValue(output))];
        if (parsed.GetValue(projectorType) is { } other)
        {
            // Importance and rules are the language model's.
            Job job = JobFor(parsed, ProjectorBeside(source), other, null);
            jobs.Add(job with { Options = job.Options with { ImportancePath = null, Keep = [] } });
        }

        var plans = new List<QuantizationPlan>();
        foreach (Job job in jobs)
            plans.Add(
                writes ? await WriteAsync(job, cancellationToken) : await Quantizer.PlanAsync(job.Source, job.Options, cancellationToken)
            );
        IReadOnlyList<QuantizationDrift> drifts = measures ? await MeasureAsync(parsed, jobs, plans, cancellationToken) : [];
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, Document(jobs, plans, drifts, writes));
        else
            Print(jobs, plans, drifts, writes);
        return ExitCode.Success;
    }

    private Job JobFor(ParseResult parsed, string source, string recipe, string? target)
    {
        var options = new QuantizationOptions
        {
            Recipe = recipe,
            ImportancePath = parsed.GetValue(importance),
            Keep = [.. parsed.GetRequiredValue(keep).Select(Rule)],
            Trial = ModelCatalog.ComesWithTessera(source) ? null : console.Trial,
        };
        return new Job(source, target ?? NameFor(source, recipe), options);
    }

    private static TensorRule Rule(string text)
    {
        int equals = text.LastIndexOf('=');
        return equals > 0 && equals < text.Length - 1
            ? new TensorRule(text[..equals], text[(equals + 1)..])
            : throw new UsageException($"--keep is '{text}', which is no PATTERN=TYPE.");
    }

    // The type in a file's name is exchanged, if there is one.
    private static string NameFor(string source, string recipe)
    {
        string stem = Path.GetFileNameWithoutExtension(source);
        foreach (string old in (string[])["f32", "bf16", "f16", "q8_0"])
            if (
                stem.EndsWith(old, StringComparison.OrdinalIgnoreCase)
                && stem.Length > old.Length
                && stem[^(old.Length + 1)] is '-' or '.' or '_'
            )
            {
                stem = stem[..^(old.Length + 1)];
                break;
            }

        return Path.Combine(Path.GetDirectoryName(source) ?? "", $"{stem}-{recipe.ToUpperInvariant()}.gguf");
    }

    private static string ProjectorBeside(string source) =>
        ModelCatalog.Resolve(source, null, needsVision: true).ProjectorPath
        ?? throw new TesseraException($"{source}: there is no vision projector beside it for --mmproj-type.");

    private Task<QuantizationPlan> WriteAsync(Job job, CancellationToken cancellationToken) =>
        TransferDisplay.RunAsync(
            console,
            tell =>
            {
                string what = $"Quantizing {Path.GetFileName(job.Source)}";
                Relay<QuantizationProgress>? progress = tell is null ? null : new(step => tell(what, step.DoneBytes, step.TotalBytes));
                return Quantizer.QuantizeAsync(job.Source, job.Target, job.Options, progress, cancellationToken);
            }
        );

    private async Task<IReadOnlyList<QuantizationDrift>> MeasureAsync(
        ParseResult parsed,
        List<Job> jobs,
        List<QuantizationPlan> plans,
        CancellationToken cancellationToken
    )
    {
        var pictures = new List<PromptImage>();
        foreach (string path in parsed.GetValue(drift) ?? [])
            pictures.Add(await PromptImage.FromFileAsync(path, cancellationToken));
        if (plans[0].IsProjector)
            return pictures.Count > 0
                ? await QuantizationDrift.MeasureAsync(jobs[0].Source, jobs[0].Target, pictures, cancellationToken)
                : throw new UsageException("--drift of a projector needs a picture.");
        string? projector = pictures.Count > 0 ? ModelCatalog.Resolve(jobs[0].Source, null, needsVision: true).ProjectorPath : null;
        var before = new ModelOptions { ModelPath = jobs[0].Source, ProjectorPath = projector };
        var after = new ModelOptions
        {
            ModelPath = jobs[0].Target,
            ProjectorPath = jobs.Count > 1 && projector is not null ? jobs[1].Target : projector,
        };
        return await QuantizationDrift.MeasureAsync(before, after, pictures, cancellationToken);
    }

    private void Print(List<Job> jobs, List<QuantizationPlan> plans, IReadOnlyList<QuantizationDrift> drifts, bool writes)
    {
        foreach ((Job job, QuantizationPlan plan) in jobs.Zip(plans))
        {
            if (!writes)
                foreach (QuantizedTensor tensor in plan.Tensors)
                    console.WriteRow(
                        PlainText.Clean(
                            $"  {tensor.Name} [{string.Join(", ", tensor.Shape)}] {tensor.SourceType} -> {tensor.Type}, "
                                + ByteText.Of(tensor.Bytes)
                        )
                    );
            console.Out.WriteLine($"{job.Target}: {plan.Recipe}, {ByteText.Of(plan.SourceBytes)} -> {ByteText.Of(plan.Bytes)}");
        }

        foreach (QuantizationDrift one in drifts)
            console.Out.WriteLine(PlainText.Clean($"{one.Name ?? "text"}: {Sentence(one)}"));
    }

    private static string Sentence(QuantizationDrift drift)
    {
        var parts = new List<string>();
        if (drift.MeanCosine is { } mean)
            parts.Add(
                FormattableString.Invariant(
                    $"{drift.TokenCount} embeddings, cosine {mean:F6} in the mean and {drift.WorstCosine:F6} at worst"
                )
            );
        if (drift.LogitCosine is { } logits)
            parts.Add(
                FormattableString.Invariant(
                    $"first token's logits {logits:F6}, {(drift.FirstTokenIsSame == true ? "the same" : "another")} token"
                )
            );
        return string.Join("; ", parts);
    }

    private static QuantizeDocument Document(
        List<Job> jobs,
        List<QuantizationPlan> plans,
        IReadOnlyList<QuantizationDrift> drifts,
        bool writes
    ) =>
        new(
            [
                .. jobs.Zip(
                    plans,
                    (job, plan) =>
                        new QuantizedFileDocument(
                            job.Target,
                            plan.IsProjector ? "mmproj" : "model",
                            plan.Recipe,
                            plan.SourceBytes,
                            plan.Bytes,
                            [
                                .. plan.Tensors.Select(static tensor => new QuantizedTensorDocument(
                                    tensor.Name,
                                    tensor.SourceType.ToString(),
                                    tensor.Type.ToString(),
                                    tensor.Bytes
                                )),
                            ]
                        )
                ),
            ],
            writes,
            [
                .. drifts.Select(static one => new DriftDocument(
                    one.Name,
                    one.TokenCount,
                    one.MeanCosine,
                    one.WorstCosine,
                    one.LogitCosine,
                    one.FirstTokenIsSame,
                    [.. one.TokenCosines.Select(static cosine => Math.Round(cosine, 7))]
                )),
            ]
        );

    private sealed record Job(string Source, string Target, QuantizationOptions Options);
}
