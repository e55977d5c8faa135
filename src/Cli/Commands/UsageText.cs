using System.CommandLine;
using System.CommandLine.Parsing;
using Tessera.Cli.Arguments;
using Tessera.Cli.Chat;

namespace Tessera.Cli.Commands;

/// <summary>What is wrong with a command line, in one sentence that says what may have been meant.</summary>
internal static class UsageText
{
    /// <summary>The first problem, which is the one to mend first: the others often follow from it; null for none.</summary>
    public static string? Problem(ParseResult parsed)
    {
        // A shell asks how a line may go on that is not whole yet.
        if (parsed.Tokens.Any(static token => token.Type == TokenType.Directive))
            return null;
        if (UnknownOption(parsed) is string unknown)
            return $"{unknown} is no option of {CommandPath(parsed)}{NearestName.Hint(unknown, OptionsOf(parsed), "--help lists them")}";
        if (parsed.CommandResult.Command.Name == AskCommand.Name && PictureAmong(parsed) is string picture)
            return $"'{picture}' is a picture, and {CommandPath(parsed)} takes pictures with -i: "
                + $"tessera ask -i {TypedPath.Quote(picture)} \"QUESTION\".";
        if (parsed.UnmatchedTokens.Count == 0)
            return parsed.Errors.Count > 0 ? parsed.Errors[0].Message : null;
        string first = parsed.UnmatchedTokens[0];
        return parsed.CommandResult.Command is RootCommand root
            ? $"'{first}' is no command of tessera{NearestName.Hint(first, CommandsOf(root), "--help lists them")}"
            : $"'{first}' is more than {CommandPath(parsed)} takes; a text with spaces needs quotes.";
    }

    /// <summary>The program and the command that was meant.</summary>
    public static string CommandPath(ParseResult parsed) =>
        parsed.CommandResult.Command is RootCommand ? "tessera" : $"tessera {parsed.CommandResult.Command.Name}";

    // The parser takes a mistyped option for the question or the file; only after -- may those begin with a dash.
    private static string? UnknownOption(ParseResult parsed) =>
        parsed.Tokens.Any(static token => token.Type == TokenType.DoubleDash)
            ? null
            : parsed
                .CommandResult.Tokens.Select(static token => token.Value)
                .Concat(parsed.UnmatchedTokens)
                .FirstOrDefault(static text => text.Length > 1 && text[0] == '-' && !text.Contains(' '));

    // Where the question should be, or beside it.
    private static string? PictureAmong(ParseResult parsed)
    {
        string[] words = [.. parsed.CommandResult.Tokens.Select(static token => token.Value), .. parsed.UnmatchedTokens];
        return words.Length > 1 ? words.FirstOrDefault(ImageInputs.LooksLikePicture) : words.FirstOrDefault(PromptImage.IsImageFile);
    }

    private static IEnumerable<string> OptionsOf(ParseResult parsed) =>
        parsed
            .CommandResult.Command.Options.SelectMany(static option => option.Aliases.Prepend(option.Name))
            .Where(static name => name.StartsWith("--", StringComparison.Ordinal));

    private static IEnumerable<string> CommandsOf(RootCommand root) => root.Subcommands.Select(static command => command.Name);
}
