using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tessera.Extensions.AI;

/// <summary>How calls are written, as exact text; readers are lenient about the white space in it.</summary>
/// <param name="Start">Before the first call.</param>
/// <param name="BeforeName">Before a call's function.</param>
/// <param name="AfterName">Between the function and its arguments.</param>
/// <param name="AfterArguments">Behind the arguments.</param>
/// <param name="Between">Between calls.</param>
/// <param name="End">Behind the last call.</param>
internal sealed record CallSyntax(string Start, string BeforeName, string AfterName, string AfterArguments, string Between, string End)
{
    /// <summary>How arguments are written; null for a JSON object.</summary>
    public ArgumentSyntax? Arguments { get; init; }

    /// <summary>Whether the function stands in a JSON string.</summary>
    public bool HasJsonName { get; init; }

    /// <summary>Whether an answer can have several calls.</summary>
    public bool TakesSeveral { get; init; } = true;

    /// <summary>Calls as a list of JSON objects, or one, between two texts.</summary>
    public static CallSyntax Json(string start, string end, string between, string name = "\"name\"", string arguments = "\"arguments\"") =>
        new(start, $"{{{name}: \"", $"\", {arguments}: ", "}", between, end) { HasJsonName = true };

    /// <summary>The beginning of an answer that can only go on as a call.</summary>
    /// <param name="function">The function; null for any.</param>
    public string StartOf(string? function) => Start + BeforeName + (function is null ? "" : NameOf(function) + AfterName);

    /// <summary>A function as it stands in a call.</summary>
    public string NameOf(string function) => HasJsonName ? JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(function) : function;

    /// <summary>Calls as the model would have written them.</summary>
    /// <param name="calls">Functions with their arguments, each a JSON object.</param>
    public string Write(IEnumerable<(string Function, JsonElement Arguments)> calls) =>
        Start
        + string.Join(
            Between,
            calls.Select(call => BeforeName + NameOf(call.Function) + AfterName + WriteArguments(call.Arguments) + AfterArguments)
        )
        + End;

    private string WriteArguments(JsonElement arguments)
    {
        if (Arguments is not { } marks)
            return arguments.GetRawText();
        var text = new StringBuilder();
        foreach (JsonProperty argument in arguments.EnumerateObject())
        {
            if (text.Length > 0)
                text.Append(marks.Separator);
            bool isText = argument.Value.ValueKind == JsonValueKind.String && !marks.HasJsonText;
            text.Append(marks.Before(argument.Name, isText))
                .Append(isText ? argument.Value.GetString() : argument.Value.GetRawText())
                .Append(marks.After(isText));
        }

        return text.ToString();
    }
}

/// <summary>How arguments are written one by one.</summary>
/// <param name="KeyStart">Before a key.</param>
/// <param name="KeyEnd">Behind a key.</param>
/// <param name="ValueStart">Before a value.</param>
/// <param name="ValueEnd">Behind a value.</param>
internal sealed record ArgumentSyntax(string KeyStart, string KeyEnd, string ValueStart, string ValueEnd)
{
    /// <summary>What stands between arguments.</summary>
    public string Separator { get; init; } = "";

    /// <summary>What tells text from JSON between key and value; empty where nothing does.</summary>
    public string TextMark { get; init; } = "";

    /// <summary>What tells JSON from text between key and value; empty where nothing does.</summary>
    public string JsonMark { get; init; } = "";

    /// <summary>What stands around text.</summary>
    public string TextQuote { get; init; } = "";

    /// <summary>Whether text is written as a JSON string, as other values are.</summary>
    public bool HasJsonText { get; init; }

    /// <summary>Whether a value shows if it is text.</summary>
    public bool TellsText => HasJsonText || TextMark.Length > 0 || TextQuote.Length > 0;

    /// <summary>What stands before an argument's value.</summary>
    public string Before(string key, bool isText) =>
        KeyStart + key + KeyEnd + (isText ? TextMark : JsonMark) + ValueStart + (isText ? TextQuote : "");

    /// <summary>What stands behind an argument's value.</summary>
    public string After(bool isText) => (isText ? TextQuote : "") + ValueEnd;
}
