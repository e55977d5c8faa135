namespace Tessera.Extensions.AI;

/// <summary>Calls as <c>&lt;function=name&gt;{…}&lt;/function&gt;</c>: Functionary 3.1, by its chat template.</summary>
internal sealed class FunctionTagCallFormat : ToolCallFormat
{
    private const string Closing = "</function>";
    private const int MaxNameLength = 256;

    public override string Opening => "<function=";

    public override string StartOf(string? function) => Opening + (function is null ? "" : function + ">");

    public override CallReading Read(string body, bool atEnd)
    {
        int nameEnd = body.IndexOf('>', StringComparison.Ordinal);
        if (nameEnd < 0) return atEnd || body.Length > MaxNameLength ? CallReading.NoCall : CallReading.Unfinished;
        string name = body[..nameEnd].Trim();
        if (name.Length is 0 or > MaxNameLength) return CallReading.NoCall;
        int close = body.IndexOf(Closing, nameEnd, StringComparison.Ordinal);
        if (close < 0 && !atEnd) return CallReading.Unfinished;
        int end = close < 0 ? body.Length : close;
        return CallReading.Of(close < 0 ? end : close + Closing.Length, [ParsedCall.Of(null, name, body[(nameEnd + 1)..end])]);
    }
}
