using System.Text;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>
/// Tells text, thoughts and calls of tools apart while an answer is generated. What may yet turn out to begin a call or to end a
/// thought is held back; everything else passes at once.
/// </summary>
/// <param name="format">How the model writes calls; null where it was given no tools.</param>
/// <param name="thoughts">How the model writes thoughts; null for none.</param>
/// <param name="isThinking">Whether the prompt has opened a thought already.</param>
/// <param name="tools">What may be called.</param>
internal sealed class AnswerReader(ToolCallFormat? format, ThoughtMarks? thoughts, bool isThinking, OfferedTools tools) : IAnswerReader
{
    private readonly HashSet<string> ids = [];
    private string pending = "";
    private bool thinks = isThinking;
    private bool isCalling,
        dropsSpace = isThinking,
        hasSpoken;
    private readonly StringBuilder more = new();
    private string opening = "";
    private int nextReading;

    public bool IsThinking => thinks;

    /// <summary>Adds text and returns what became certain.</summary>
    public IReadOnlyList<AIContent> Append(string text) => Read(text, atEnd: false);

    /// <summary>Returns what was held back.</summary>
    public IReadOnlyList<AIContent> Finish() => Read("", atEnd: true);

    private List<AIContent> Read(string text, bool atEnd)
    {
        var contents = new List<AIContent>();
        more.Append(text);
        if (!atEnd && isCalling && pending.Length + more.Length < nextReading)
            return contents;
        pending += more.ToString();
        more.Clear();
        while (
            isCalling ? ReadCall(contents, atEnd)
            : thinks ? ReadThought(contents, atEnd)
            : ReadText(contents, atEnd)
        ) { }
        return contents;
    }

    private bool ReadThought(List<AIContent> contents, bool atEnd)
    {
        if (dropsSpace)
            pending = pending.TrimStart();
        string thoughtEnd = thoughts!.End;
        int end = pending.IndexOf(thoughtEnd, StringComparison.Ordinal);
        // The newline before the tag is the tag's.
        int certain = end >= 0 || atEnd ? (end >= 0 ? end : pending.Length) : pending.Length - HeldBack(pending, [thoughtEnd]);
        string thought = pending[..certain];
        string shown = thought.TrimEnd();
        if (shown.Length > 0)
        {
            contents.Add(new TextReasoningContent(shown));
            dropsSpace = false;
        }

        pending = end >= 0 ? pending[(end + thoughtEnd.Length)..] : pending[shown.Length..];
        if (end < 0)
            return false;
        (thinks, dropsSpace) = (false, true);
        return true;
    }

    private bool ReadText(List<AIContent> contents, bool atEnd)
    {
        if (dropsSpace)
            pending = pending.TrimStart([.. format?.Separators ?? " \t\r\n"]);
        if (pending.Length == 0)
            return false;
        (int at, string found) = FirstOpening();
        if (at >= 0)
        {
            AddText(contents, format is null ? pending[..at] : pending[..at].TrimEnd());
            if (found == thoughts?.Start)
                (thinks, dropsSpace) = (true, true);
            else
                (isCalling, opening) = (true, found);
            // The brace of a bare call is part of its JSON.
            pending = pending[(at + (found == format?.BareOpening ? 0 : found.Length))..];
            return true;
        }

        int certain = atEnd ? pending.Length : pending.Length - HeldBack(pending, Openings());
        // Space before a call belongs to the call.
        if (!atEnd && format is not null)
            certain = pending.AsSpan(0, certain).TrimEnd().Length;
        AddText(contents, pending[..certain]);
        pending = pending[certain..];
        return false;
    }

    private bool ReadCall(List<AIContent> contents, bool atEnd)
    {
        CallReading reading = format!.Read(pending, atEnd, tools);
        // A long call is not read anew with every token, which would take the square of its length.
        nextReading = reading.Consumed < 0 ? pending.Length + 1 + pending.Length / 64 : 0;
        if (reading.Consumed < 0)
            return false;
        isCalling = false;
        if (reading.Consumed == 0)
        {
            // What looked like a call is text; its opening is passed over, so that it is not met again.
            AddText(contents, opening);
            if (opening == format.BareOpening)
                pending = pending[opening.Length..];
            return true;
        }

        foreach (ParsedCall call in reading.Calls)
            contents.Add(
                new FunctionCallContent(call.Id is { Length: > 0 } id && ids.Add(id) ? id : NewId(), call.Name, call.Arguments)
                {
                    Exception = call.Failure,
                }
            );
        pending = pending[reading.Consumed..];
        dropsSpace = true;
        return true;
    }

    private void AddText(List<AIContent> contents, string text)
    {
        if (text.Length == 0)
            return;
        contents.Add(new TextContent(text));
        (hasSpoken, dropsSpace) = (true, false);
    }

    private (int At, string Opening) FirstOpening()
    {
        (int At, string Opening) first = (-1, "");
        foreach (string candidate in Openings())
        {
            int at = pending.IndexOf(candidate, StringComparison.Ordinal);
            bool mustBeFirst = candidate == thoughts?.Start || candidate == format?.BareOpening;
            if (at < 0 || (mustBeFirst && !string.IsNullOrWhiteSpace(pending[..at])))
                continue;
            if (first.At < 0 || at < first.At)
                first = (at, candidate);
        }

        return first;
    }

    private IEnumerable<string> Openings()
    {
        if (thoughts is not null && !hasSpoken)
            yield return thoughts.Start;
        if (format is null)
            yield break;
        yield return format.Opening;
        if (format.BareOpening is not null && !hasSpoken)
            yield return format.BareOpening;
    }

    /// <summary>Characters at the end of a text that may begin one of several others.</summary>
    internal static int HeldBack(string text, IEnumerable<string> openings)
    {
        int longest = 0;
        foreach (string opening in openings)
        {
            for (int length = Math.Min(opening.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(opening.AsSpan(0, length)))
                    longest = length;
            }
        }

        return longest;
    }

    // Nine letters and digits: Mistral's templates refuse any other.
    internal static string NewId() => Guid.NewGuid().ToString("N")[..9];
}
