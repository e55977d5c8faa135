using System.CommandLine;
using Tessera.Annotation;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;

namespace Tessera.Cli.Annotate;

/// <summary>The options that say what is asked about every picture.</summary>
internal sealed class AnnotateArguments
{
    private readonly SamplingArguments sampling = new(temperature: 0);
    private readonly FormatArguments format = new();
    private readonly Option<string?> prompt = new("--prompt")
    {
        Description =
            $"What to ask; {string.Join(", ", PromptWords.All)} stand for parts of the picture's path. "
            + "[default: a description, or what the schema wants]",
        HelpName = "TEXT",
    };
    private readonly Option<string?> system = new("--system")
    {
        Description = "The system sentence, in place of the model's own.",
        HelpName = "TEXT",
    };

    public void AddTo(Command command)
    {
        command.Add(prompt);
        command.Add(system);
        format.AddTo(command);
        sampling.AddTo(command);
    }

    /// <summary>What is asked.</summary>
    /// <exception cref="TesseraException">The schema or the grammar cannot be used.</exception>
    public async Task<AnnotationRequest> ReadAsync(ParseResult parsed, PlanRequest limits, CancellationToken cancellationToken)
    {
        GenerationOptions options = sampling.ToOptions(parsed, await format.ReadAsync(parsed, cancellationToken));
        string text = parsed.GetValue(prompt) ?? UsualPrompt(options.Format?.Schema);
        if (text.Trim().Length == 0)
            throw new UsageException("The prompt is empty.");
        return new AnnotationRequest
        {
            Prompt = text,
            System = parsed.GetValue(system),
            Options = options,
            Limits = limits,
        };
    }

    // The model does not see the schema that binds it unless the prompt shows it.
    private static string UsualPrompt(string? schema) =>
        schema is null ? "Describe this picture." : $"Fill in this JSON Schema with what the picture shows.\n{schema}";
}
