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
    public static CallReading Of(int consumed, IReadOnlyList<ParsedCall> calls) => calls.Count > 0 ? new CallReading(consumed, calls) : NoCall;
}

/// <summary>How a model writes calls of tools.</summary>
internal abstract class ToolCallFormat
{
    /// <summary>The text that begins a call.</summary>
    public abstract string Opening { get; }

    /// <summary>What begins a call only where nothing was said before it; null for nothing.</summary>
    public virtual string? BareOpening => null;

    /// <summary>Control tokens that must be seen to tell calls.</summary>
    public virtual IReadOnlyList<string> Tokens => [Opening];

    /// <summary>What may stand between calls.</summary>
    public virtual string Separators => " \t\r\n";

    /// <summary>The beginning of an answer that can only go on as a call.</summary>
    /// <param name="function">The function; null for any.</param>
    public abstract string StartOf(string? function);

    /// <summary>Reads the call, or calls, behind an opening.</summary>
    /// <param name="body">The text behind the opening; a bare opening is part of it.</param>
    /// <param name="atEnd">Whether nothing more comes.</param>
    public abstract CallReading Read(string body, bool atEnd);

    /// <summary>The format that a template writes calls in; null if it is not known.</summary>
    /// <param name="template">The template's text.</param>
    public static ToolCallFormat? Of(string template)
    {
        bool Has(string text) => template.Contains(text, StringComparison.Ordinal);
        if (Has("[TOOL_CALLS]")) return new MistralCallFormat(hasHeader: Has("[ARGS]"));
        if (Has("<tool_call>") && Has("<function=")) return TaggedCallFormat.Qwen3Coder;
        if (Has("<tool_call>") && Has("<arg_key>")) return TaggedCallFormat.Glm;
        if (Has("<tool_call>")) return new JsonCallFormat("<tool_call>", "</tool_call>") { BeforeJson = "\n" };
        if (Has("<|tool_call|>")) return new JsonCallFormat("<|tool_call|>", "<|/tool_call|>") { IsList = Has("<|tool_call|>[") };
        if (Has("<TOOLCALL>")) return new JsonCallFormat("<TOOLCALL>", "</TOOLCALL>") { IsList = true };
        if (Has("<function=")) return new FunctionTagCallFormat();
        return Has("<|python_tag|>") || (Has("\"parameters\"") && Has("<|eot_id|>")) ? new LlamaCallFormat() : null;
    }
}
