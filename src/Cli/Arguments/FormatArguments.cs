using System.CommandLine;
using System.Text;
using Tessera.Cli.Commands;
using Tessera.Grammars;
using Tessera.Shared;

namespace Tessera.Cli.Arguments;

/// <summary>The options that say what an answer must look like.</summary>
internal sealed class FormatArguments
{
    private const long MaxByteLength = 1 << 20;
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
        string text = await ReadTextAsync(path, schemaPath is null ? "--grammar" : "--schema", cancellationToken);
        try
        {
            return schemaPath is not null ? AnswerFormat.FromSchema(text) : AnswerFormat.FromGrammar(text);
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

    private static async Task<string> ReadTextAsync(string path, string option, CancellationToken cancellationToken)
    {
        if (path.Length == 0)
            throw new UsageException($"The file of {option} is empty.");
        try
        {
            if (Directory.Exists(path))
                throw new TesseraException($"{path}: it is a folder, not a file for {option}.");
            // What a shell hands over open, as <(command) is, can be read; to open any other pipe would wait for somebody to write to it.
            if (FileKind.IsSpecial(path) && !FileKind.IsOpenDescriptor(path))
                throw new TesseraException($"{path}: it is a pipe or device; only regular files can be read.");
            var info = new FileInfo(path);
            if (info.Exists && info.Length > MaxByteLength)
                throw new TesseraException($"{path}: it has more than {MaxByteLength} bytes, which is too large for {option}.");
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            var buffer = new char[MaxByteLength];
            int length = await reader.ReadBlockAsync(buffer, cancellationToken).AsTask().WaitAsync(cancellationToken);
            return length < buffer.Length
                ? new string(buffer, 0, length)
                : throw new TesseraException($"{path}: it has more than {MaxByteLength} characters, which is too large for {option}.");
        }
        catch (DecoderFallbackException failure)
        {
            throw new TesseraException($"{path}: it is no text in UTF-8.", failure);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TesseraException($"{path}: there is no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: it cannot be read ({failure.Message}).", failure);
        }
    }
}

/// <summary>An answer that ended before it was whole, where only a whole one is of use.</summary>
internal sealed class AnswerCutException(string message) : TesseraException(message);
