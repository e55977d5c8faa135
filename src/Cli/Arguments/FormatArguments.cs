using System.CommandLine;
using Tessera.Cli.Commands;
using Tessera.Grammars;

namespace Tessera.Cli.Arguments;

/// <summary>The options that say what an answer must look like.</summary>
internal sealed class FormatArguments
{
    private readonly Option<string?> schema = new("--schema")
    {
        Description = "Print one JSON value that follows the JSON Schema in this file.",
        HelpName = "FILE",
    };
    private readonly Option<string?> grammar = new("--grammar")
    {
        Description = "Follow the GBNF grammar in this file.",
        HelpName = "FILE",
    };

    public void AddTo(Command command)
    {
        command.Add(schema);
        command.Add(grammar);
    }

    /// <summary>Reads the file that is named; null where none is.</summary>
    /// <exception cref="TesseraException">The file cannot be read or used; the message begins with its path.</exception>
    public async Task<AnswerFormat?> ReadAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string? schemaPath = parsed.GetValue(schema),
            grammarPath = parsed.GetValue(grammar);
        if (schemaPath is not null && grammarPath is not null)
            throw new UsageException("--schema and --grammar do not go together.");
        if ((schemaPath ?? grammarPath) is not string path)
            return null;
        return await ReadAsync(path, isSchema: schemaPath is not null, schemaPath is null ? "--grammar" : "--schema", cancellationToken);
    }

    /// <summary>Reads a format's file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isSchema">Whether it is a JSON Schema; else a grammar.</param>
    /// <param name="option">What names it, for messages.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="TesseraException">The file cannot be read or used; the message begins with its path.</exception>
    public static async Task<AnswerFormat> ReadAsync(string path, bool isSchema, string option, CancellationToken cancellationToken)
    {
        string text = await OptionFile.ReadAsync(path, option, cancellationToken);
        try
        {
            return isSchema ? AnswerFormat.FromSchema(text) : AnswerFormat.FromGrammar(text);
        }
        catch (Exception failure) when (failure is SchemaException or GrammarException)
        {
            throw new TesseraException($"{path}: {failure.Message}", failure);
        }
    }

    /// <summary>The text of an answer that must be whole.</summary>
    /// <exception cref="AnswerCutException">It was cut.</exception>
    public static string Whole(GenerationResult result) =>
        result.FinishReason == FinishReason.Stop
            ? result.Text
            : throw new AnswerCutException(
                $"The answer was cut after {(result.TokenIds.Count == 1 ? "1 token" : $"{result.TokenIds.Count} tokens")}, before its JSON "
                    + "was complete: raise --max-tokens or --context, or limit the lengths in the schema."
            );
}

/// <summary>An answer that ended before it was whole, where only a whole one is of use.</summary>
internal sealed class AnswerCutException(string message) : TesseraException(message);
