using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tessera.Extensions.AI;

/// <summary>Calls in tags, an argument in each: Qwen3-Coder and GLM-4.5, by their chat templates.</summary>
internal sealed partial class TaggedCallFormat : ToolCallFormat
{
    private const string Closing = "</tool_call>";
    private readonly Regex name;
    private readonly Regex argument;
    private readonly string beforeName, afterName;

    private TaggedCallFormat(Regex name, Regex argument, string beforeName, string afterName) =>
        (this.name, this.argument, this.beforeName, this.afterName) = (name, argument, beforeName, afterName);

    /// <summary><c>&lt;function=name&gt;&lt;parameter=key&gt;value&lt;/parameter&gt;&lt;/function&gt;</c></summary>
    public static TaggedCallFormat Qwen3Coder { get; } = new(FunctionTag(), ParameterTag(), "\n<function=", ">\n");

    /// <summary><c>name&lt;arg_key&gt;key&lt;/arg_key&gt;&lt;arg_value&gt;value&lt;/arg_value&gt;</c></summary>
    public static TaggedCallFormat Glm { get; } = new(FirstLine(), KeyAndValue(), "", "\n");

    public override string Opening => "<tool_call>";

    public override IReadOnlyList<string> Tokens => [Opening, Closing, "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"];

    public override string StartOf(string? function) => Opening + beforeName + (function is null ? "" : function + afterName);

    public override CallReading Read(string body, bool atEnd)
    {
        int close = body.IndexOf(Closing, StringComparison.Ordinal);
        if (close < 0 && !atEnd) return CallReading.Unfinished;
        string call = close < 0 ? body : body[..close];
        if (name.Match(call) is not { Success: true } found) return CallReading.NoCall;
        var arguments = new Dictionary<string, object?>();
        foreach (Match part in argument.Matches(call)) arguments[part.Groups[1].Value.Trim()] = ValueOf(part.Groups[2].Value);
        bool isCut = close < 0 && !call.TrimEnd().EndsWith("</function>", StringComparison.Ordinal);
        var parsed = new ParsedCall(null, found.Groups[1].Value.Trim(), isCut ? null : arguments, isCut ? new ToolCallFormatException(call) : null);
        return CallReading.Of(close < 0 ? body.Length : close + Closing.Length, [parsed]);
    }

    // Values are written as they are, strings without quotes; what reads as JSON is meant as JSON.
    private static JsonElement ValueOf(string written)
    {
        string value = written.StartsWith('\n') ? written[1..] : written;
        if (value.EndsWith('\n')) value = value[..^1];
        try
        {
            using JsonDocument document = JsonDocument.Parse(value);
            if (document.RootElement.ValueKind != JsonValueKind.String) return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // Text, then.
        }

        using JsonDocument text = JsonDocument.Parse($"\"{JsonEncodedText.Encode(value)}\"");
        return text.RootElement.Clone();
    }

    [GeneratedRegex(@"<function=([^>\n]{1,256})>")]
    private static partial Regex FunctionTag();

    [GeneratedRegex("<parameter=([^>\n]{1,256})>(.*?)</parameter>", RegexOptions.Singleline)]
    private static partial Regex ParameterTag();

    [GeneratedRegex(@"^\s*([^\s<{]{1,256})\s*(?:<arg_key>|$)")]
    private static partial Regex FirstLine();

    [GeneratedRegex("<arg_key>(.*?)</arg_key>\\s*<arg_value>(.*?)</arg_value>", RegexOptions.Singleline)]
    private static partial Regex KeyAndValue();
}
