namespace Tessera.Extensions.AI;

/// <summary>What was made of the text behind the opening of a call.</summary>
/// <param name="Consumed">Characters that were read; negative while more are needed, 0 for no call.</param>
/// <param name="Calls">The calls.</param>
internal readonly record struct CallReading(int Consumed, IReadOnlyList<ParsedCall> Calls)
{
    /// <summary>More text is needed.</summary>
    public static CallReading Unfinished => new(-1, []);

    /// <summary>It is text after all.</summary>
    public static CallReading NoCall => new(0, []);

    /// <summary>Calls, or text if there are none.</summary>
    public static CallReading Of(int consumed, IReadOnlyList<ParsedCall> calls) =>
        calls.Count > 0 ? new CallReading(consumed, calls) : NoCall;
}

/// <summary>How a model writes calls of tools.</summary>
/// <param name="syntax">The calls as the model's template writes them.</param>
internal abstract class ToolCallFormat(CallSyntax syntax)
{
    /// <summary>The most characters of a function's name or an argument's.</summary>
    protected const int MaxNameLength = 256;

    /// <summary>The most calls in one answer.</summary>
    public const int MaxCallCount = 64;

    /// <summary>The calls as the model's template writes them.</summary>
    public CallSyntax Syntax => syntax;

    /// <summary>The text that begins a call.</summary>
    public abstract string Opening { get; }

    /// <summary>What begins a call only where nothing was said before it; null for nothing.</summary>
    public virtual string? BareOpening => null;

    /// <summary>Control tokens that must be seen to tell calls.</summary>
    public virtual IReadOnlyList<string> Tokens => [Opening];

    /// <summary>What may stand between calls.</summary>
    public virtual string Separators => " \t\r\n";

    /// <summary>Whether the ids of calls are the model's own, and must come back as they are.</summary>
    public bool KeepsIds { get; init; }

    /// <summary>The beginning of an answer that can only go on as a call.</summary>
    /// <param name="function">The function; null for any.</param>
    public string StartOf(string? function) => syntax.StartOf(function);

    /// <summary>Reads the call, or calls, behind an opening.</summary>
    /// <param name="body">The text behind the opening; a bare opening is part of it.</param>
    /// <param name="atEnd">Whether nothing more comes.</param>
    /// <param name="tools">What may be called.</param>
    public abstract CallReading Read(string body, bool atEnd, OfferedTools tools);

    /// <summary>Reads all that a model says.</summary>
    /// <param name="thoughts">How it writes thoughts; null for none.</param>
    /// <param name="isThinking">Whether the prompt has opened a thought already.</param>
    /// <param name="tools">What may be called.</param>
    public virtual IAnswerReader CreateReader(ThoughtMarks? thoughts, bool isThinking, OfferedTools tools) =>
        new AnswerReader(this, thoughts, isThinking, tools);

    /// <summary>Whether a prompt holds a call in this format.</summary>
    /// <param name="prompt">What a template printed.</param>
    /// <param name="isWanted">Whether a call is the one.</param>
    public virtual bool Finds(string prompt, Func<ParsedCall, bool> isWanted)
    {
        foreach (string? opening in (string?[])[Opening, BareOpening])
        {
            if (opening is null)
                continue;
            for (
                int at = prompt.IndexOf(opening, StringComparison.Ordinal);
                at >= 0;
                at = prompt.IndexOf(opening, at + opening.Length, StringComparison.Ordinal)
            )
                if (Read(prompt[(opening == BareOpening ? at : at + opening.Length)..], atEnd: true, OfferedTools.None).Calls.Any(isWanted))
                    return true;
        }

        return false;
    }

    /// <summary>Whether a prompt tells the model to write calls in this format; asked of templates that print no calls.</summary>
    /// <param name="prompt">What a template printed.</param>
    public virtual bool IsToldIn(string prompt) => prompt.Contains(Opening, StringComparison.Ordinal);

    /// <summary>The format that a template's text points to first; null for none.</summary>
    /// <param name="template">The template's text.</param>
    public static ToolCallFormat? Of(string template) => ToolCallFormats.Of(template).FirstOrDefault();

    /// <summary>The index of the first character from here that is no white space.</summary>
    protected static int SkipSpace(string text, int at)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            at++;
        return at;
    }

    /// <summary>Whether a text stands at a place.</summary>
    protected static bool Begins(string text, int at, string mark) => text.AsSpan(at).StartsWith(mark, StringComparison.Ordinal);

    /// <summary>Whether a text may yet stand at a place where others end.</summary>
    protected static bool MayBegin(string text, int at, string mark) =>
        text.Length - at < mark.Length && mark.AsSpan().StartsWith(text.AsSpan(at), StringComparison.Ordinal);
}
