using Tessera.Shared;
using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>Strings of a schema: their length, pattern and format.</summary>
internal static class StringGrammar
{
    private const string Date =
        "[1-8]\\d{3}-(0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|[1-8]\\d{3}-(0[469]|11)-(0[1-9]|[12]\\d|30)|[1-8]\\d{3}-02-(0[1-9]|1\\d|2[0-8])|([1-8]\\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[1357][26])00)-02-29";
    private const string Time = "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-](0\\d|1[0-3]):[0-5]\\d)";
    private const string Byte = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

    // As patterns; all texts of a pattern are of the format, but not the other way round: years are 1000 to 8999, and there are no leap
    // seconds.
    private static readonly Dictionary<string, string> Formats = new()
    {
        ["date"] = $"^(?:{Date})$",
        ["time"] = $"^{Time}$",
        ["date-time"] = $"^(?:{Date})T{Time}$",
        ["uuid"] = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        ["ipv4"] = $"^{Byte}\\.{Byte}\\.{Byte}\\.{Byte}$",
        ["email"] = "^[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,30})?@([a-z0-9]{1,30}\\.){1,3}[a-z]{2,10}$",
        ["uri"] = "^https?://([a-z0-9]{1,30}\\.){1,3}[a-z]{2,10}(/[A-Za-z0-9._~-]{0,80}){0,8}(\\?[A-Za-z0-9._~=&-]{1,200})?$",
    };

    /// <exception cref="SchemaException">The keywords contradict each other or are beyond a grammar.</exception>
    public static GrammarExpression Of(SchemaNode node, SharedRules shared) => Join(Exactly("\""), Characters(node, shared), Exactly("\""));

    /// <summary>The characters between the quotes.</summary>
    public static GrammarExpression Characters(SchemaNode node, SharedRules shared, GrammarExpression? character = null)
    {
        if (node.MinLength > node.MaxLength)
            throw new SchemaException(
                node.Pointer,
                "minLength",
                $"is {node.MinLength}, which is more than the maxLength of {node.MaxLength}."
            );
        string keyword = node.Pattern is not null ? "pattern" : "format";
        if (node.Pattern is not null && node.Format is not null)
            throw new SchemaException(node.Pointer, "pattern", "stands beside a format, which a grammar cannot say.");
        if ((node.Pattern ?? FormatOf(node)) is not string pattern)
            return Times(character ?? shared.Character(), node.MinLength, node.MaxLength);
        try
        {
            return JsonText.Encode(PatternLength.Limit(PatternParser.Parse(pattern), node.MinLength, node.MaxLength));
        }
        catch (GrammarFault fault)
        {
            throw new SchemaException(node.Pointer, keyword, fault.Message);
        }
    }

    private static string? FormatOf(SchemaNode node)
    {
        if (node.Format is null)
            return null;
        return Formats.TryGetValue(node.Format, out string? pattern)
            ? pattern
            : throw new SchemaException(
                node.Pointer,
                "format",
                $"is '{PlainText.Quote(node.Format)}', which is none of {string.Join(", ", Formats.Keys)}."
            );
    }
}
