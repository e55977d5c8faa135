using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>Calls of gpt-oss: a message to <c>functions.name</c> in one of the channels in which the model says everything (OpenAI's
/// harmony format).</summary>
internal sealed class HarmonyCallFormat()
    : ToolCallFormat(
        new CallSyntax("<|channel|>commentary to=functions.", "", " <|constrain|>json<|message|>", "", "", "") { TakesSeveral = false }
    )
{
    public override string Opening => "<|channel|>";

    public override IReadOnlyList<string> Tokens => HarmonyReader.Marks;

    public override CallReading Read(string body, bool atEnd, OfferedTools tools) => CallReading.NoCall;

    public override IAnswerReader CreateReader(ThoughtMarks? thoughts, bool isThinking, OfferedTools tools) =>
        new HarmonyReader(takesCalls: true);

    public override bool Finds(string prompt, Func<ParsedCall, bool> isWanted)
    {
        var reader = new HarmonyReader(takesCalls: true);
        return reader
            .Append(prompt)
            .Concat(reader.Finish())
            .OfType<FunctionCallContent>()
            .Any(call =>
                isWanted(
                    new ParsedCall(call.CallId, call.Name, call.Arguments is null ? null : new Dictionary<string, object?>(call.Arguments))
                )
            );
    }
}

/// <summary>Reads harmony: what is said in the channel of analysis is thought, what is said to a function is a call, all else is
/// text.</summary>
/// <param name="takesCalls">Whether the model was given tools; without, calls are text.</param>
internal sealed partial class HarmonyReader(bool takesCalls) : IAnswerReader
{
    private const string Message = "<|message|>",
        Channel = "<|channel|>",
        Start = "<|start|>",
        Constrain = "<|constrain|>";
    private const int MaxHeaderLength = 512;
    private static readonly string[] Ends = ["<|end|>", "<|call|>", "<|return|>", Start, Channel];
    private string pending = "",
        function = "";
    private readonly StringBuilder more = new();
    private int nextReading;
    private bool isHeader = true,
        isThought,
        wasSpace = true;

    /// <summary>Control tokens that must be seen.</summary>
    public static IReadOnlyList<string> Marks { get; } = [Message, Constrain, .. Ends];

    public bool IsThinking => isThought && !isHeader;

    public IReadOnlyList<AIContent> Append(string text) => Read(text, atEnd: false);

    public IReadOnlyList<AIContent> Finish() => Read("", atEnd: true);

    private List<AIContent> Read(string text, bool atEnd)
    {
        var contents = new List<AIContent>();
        more.Append(text);
        // A long call is not read anew with every token.
        if (!atEnd && pending.Length + more.Length < nextReading)
            return contents;
        pending += more.ToString();
        more.Clear();
        while (pending.Length > 0 && (isHeader ? ReadHeader(atEnd) : ReadBody(contents, atEnd))) { }
        return contents;
    }

    private bool ReadHeader(bool atEnd)
    {
        int end = pending.IndexOf(Message, StringComparison.Ordinal);
        if (end < 0)
        {
            if (MayBeHeader(pending.AsSpan().TrimStart()) && pending.Length <= MaxHeaderLength)
            {
                if (atEnd)
                    pending = "";
                return false;
            }

            (isHeader, isThought, function) = (false, false, "");
            return true;
        }

        string header = pending[..end];
        function = takesCalls && Recipient().Match(header) is { Success: true } found ? found.Groups[1].Value : "";
        isThought = header.Contains(Channel + "analysis", StringComparison.Ordinal);
        pending = pending[(end + Message.Length)..];
        (isHeader, wasSpace) = (false, true);
        return true;
    }

    // An answer without channels is text.
    private static bool MayBeHeader(ReadOnlySpan<char> text)
    {
        foreach (string first in (string[])[Start, Channel, Constrain, "to=", "assistant", "<|end|>", "<|return|>"])
            if (text.StartsWith(first, StringComparison.Ordinal) || first.AsSpan().StartsWith(text, StringComparison.Ordinal))
                return true;
        return false;
    }

    private bool ReadBody(List<AIContent> contents, bool atEnd)
    {
        (int at, string found) = Ends.Select(mark => (At: pending.IndexOf(mark, StringComparison.Ordinal), Mark: mark))
            .Where(static mark => mark.At >= 0)
            .DefaultIfEmpty((-1, ""))
            .Min();
        nextReading = at < 0 && function.Length > 0 ? pending.Length + 1 + pending.Length / 64 : 0;
        if (function.Length > 0)
        {
            if (at < 0 && !atEnd)
                return false;
            ParsedCall call = ParsedCall.Of(null, function, at < 0 ? pending : pending[..at]);
            contents.Add(new FunctionCallContent(AnswerReader.NewId(), call.Name, call.Arguments) { Exception = call.Failure });
        }
        else
        {
            AddText(
                contents,
                at >= 0 ? pending[..at]
                    : atEnd ? pending
                    : pending[..^AnswerReader.HeldBack(pending, Ends)]
            );
        }

        int certain =
            at >= 0 ? at
            : atEnd || function.Length > 0 ? pending.Length
            : pending.Length - AnswerReader.HeldBack(pending, Ends);
        // What begins the next header is part of it; what only ends a message is not.
        pending = pending[(certain + (found is Start or Channel ? 0 : found.Length))..];
        if (at < 0)
            return false;
        isHeader = true;
        return true;
    }

    private void AddText(List<AIContent> contents, string text)
    {
        if (wasSpace)
            text = text.TrimStart();
        if (text.Length == 0)
            return;
        wasSpace = false;
        contents.Add(isThought ? new TextReasoningContent(text) : new TextContent(text));
    }

    [GeneratedRegex(@"to=functions\.([^\s<]{1,256})")]
    private static partial Regex Recipient();
}
