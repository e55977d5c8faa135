using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Tessera.Grammars;

namespace Tessera.Extensions.AI;

/// <summary>
/// The grammar of an answer that must call tools, from behind what <see cref="CallSyntax.StartOf"/> begins it with: the format's
/// syntax, the function one of those offered, JSON arguments by the function's schema. Arguments that are written one by one come in the
/// schema's order, the required ones first where commas stand between; what is no text follows its schema, and text is one of an enum's
/// values or free: its length, pattern and format are not held, nor is anything where the schema allows text beside other types and the
/// format does not tell them apart.
/// </summary>
internal sealed class RequiredCalls
{
    private const int MaxFurtherCalls = 15;
    private const int MaxFunctions = 256;
    private const int MaxTaggedArguments = 256;
    private static readonly SearchValues<char> Forbidden = SearchValues.Create("<>{}()\" \n");
    private readonly CallSyntax syntax;
    private readonly StringBuilder grammar = new();
    private readonly Dictionary<string, AnswerFormat> parts = [];
    private readonly Dictionary<string, string> texts = [];

    private RequiredCalls(CallSyntax syntax) => this.syntax = syntax;

    /// <summary>The grammar.</summary>
    /// <param name="syntax">How calls are written.</param>
    /// <param name="functions">The functions.</param>
    /// <param name="required">The one that must be called, whose name the answer begins with; null for any.</param>
    /// <param name="takesSeveral">Whether there may be several calls, 16 at most.</param>
    /// <exception cref="ChatOptionException">A function's schema cannot be a grammar; the function is named.</exception>
    public static AnswerFormat Of(CallSyntax syntax, IReadOnlyList<AIFunctionDeclaration> functions, string? required, bool takesSeveral)
    {
        if (functions.Count > MaxFunctions)
            throw new ChatOptionException(
                nameof(ChatOptions.Tools),
                $"a call is required of one of {functions.Count} functions, but {MaxFunctions} are the most."
            );
        return new RequiredCalls(syntax).Build(
            required is null ? functions : [functions.First(function => function.Name == required)],
            required is not null,
            takesSeveral && syntax.TakesSeveral
        );
    }

    private AnswerFormat Build(IReadOnlyList<AIFunctionDeclaration> functions, bool isNamed, bool takesSeveral)
    {
        string further = takesSeveral ? $" ({Text(syntax.Between + syntax.BeforeName)} call){{0,{MaxFurtherCalls}}}" : "";
        grammar.Append(CultureInfo.InvariantCulture, $"root ::= {(isNamed ? "rest-0" : "call")}{further} {Text(syntax.End)}\n");
        grammar
            .Append("call ::= ")
            .AppendJoin(
                " | ",
                functions.Select((function, index) => $"{Text(syntax.NameOf(Checked(function.Name)) + syntax.AfterName)} rest-{index}")
            )
            .Append('\n');
        for (int index = 0; index < functions.Count; index++)
        {
            string name = $"rest-{index}";
            string arguments = Guarded(
                functions[index],
                function =>
                    syntax.Arguments is { } tags ? Tagged(tags, function, name) : Part($"{name}-arguments", ObjectOf(function.JsonSchema))
            );
            grammar.Append(CultureInfo.InvariantCulture, $"{name} ::= {arguments} {Text(syntax.AfterArguments)}\n");
        }

        try
        {
            return AnswerFormat.FromGrammar(grammar.ToString(), parts);
        }
        catch (GrammarException failure)
        {
            throw new ChatOptionException(
                nameof(ChatOptions.Tools),
                $"the functions are too many or their schemas too large for a required call ({failure.Message})",
                failure
            );
        }
    }

    private string Checked(string name) =>
        syntax.HasJsonName || !name.AsSpan().ContainsAny(Forbidden)
            ? name
            : throw new ChatOptionException(nameof(ChatOptions.Tools), $"{name} is no name that the model can write in a call.");

    private static string Guarded(AIFunctionDeclaration function, Func<AIFunctionDeclaration, string> make)
    {
        try
        {
            return make(function);
        }
        catch (SchemaException failure)
        {
            throw new ChatOptionException(
                nameof(ChatOptions.Tools),
                $"the schema of {function.Name} cannot be held by a grammar, so its call cannot be required: {failure.Message}",
                failure
            );
        }
    }

    // Arguments are an object, whether the schema says so or not.
    private static string ObjectOf(JsonElement schema)
    {
        if (schema.ValueKind == JsonValueKind.True)
            return """{"type":"object"}""";
        if (schema.ValueKind != JsonValueKind.Object)
            throw new SchemaException("#", null, "arguments are an object, which the schema does not allow.");
        if (schema.TryGetProperty("type", out JsonElement type))
        {
            bool allows =
                type.ValueKind == JsonValueKind.String
                    ? type.GetString() == "object"
                    : type.ValueKind == JsonValueKind.Array
                        && type.EnumerateArray().Any(static kind => kind.ValueKind == JsonValueKind.String && kind.GetString() == "object");
            if (!allows)
                throw new SchemaException("#", "type", "does not allow an object, which arguments are.");
            if (type.ValueKind == JsonValueKind.String)
                return schema.GetRawText();
        }

        JsonObject keywords = JsonObject.Create(schema)!;
        keywords["type"] = "object";
        return keywords.ToJsonString();
    }

    private string Part(string name, string schema)
    {
        parts.Add(name, AnswerFormat.FromSchema(schema));
        return name;
    }

    private string Tagged(ArgumentSyntax tags, AIFunctionDeclaration function, string name)
    {
        JsonElement schema = function.JsonSchema;
        if (OfferedTools.PropertiesOf(schema).Skip(MaxTaggedArguments).Any())
            throw new SchemaException(
                "#",
                "properties",
                $"has more than {MaxTaggedArguments} members, and the model writes each on its own."
            );
        HashSet<string> required = RequiredOf(schema);
        (string Rule, bool IsRequired)[] arguments =
        [
            .. OfferedTools
                .PropertiesOf(schema)
                .Select((property, index) => (Argument(tags, schema, property, $"{name}-{index}"), required.Contains(property.Name))),
        ];
        if (required.FirstOrDefault(key => OfferedTools.PropertiesOf(schema).All(property => property.Name != key)) is { } unknown)
            throw new SchemaException("#", "required", $"names '{unknown}', which is not among the properties.");
        if (arguments.Length == 0)
            return "\"\"";
        if (tags.Separator.Length == 0)
            return string.Join(' ', arguments.Select(static argument => argument.IsRequired ? argument.Rule : $"{argument.Rule}?"));
        return Separated([.. arguments.OrderBy(static argument => !argument.IsRequired)], Text(tags.Separator));
    }

    // With commas between: those that need not come do so behind the required ones, or begin with any of them.
    private static string Separated((string Rule, bool IsRequired)[] arguments, string separator)
    {
        string Rest(int from) =>
            string.Concat(arguments.Skip(from).Select(argument => $" ({separator} {argument.Rule}){(argument.IsRequired ? "" : "?")}"));
        if (arguments[0].IsRequired)
            return arguments[0].Rule + Rest(1);
        return $"({string.Join(" | ", arguments.Select((argument, index) => argument.Rule + Rest(index + 1)))} | \"\")";
    }

    private string Argument(ArgumentSyntax tags, JsonElement schema, JsonProperty property, string name)
    {
        ArgumentKind kind = OfferedTools.KindOf(property.Value, schema);
        bool isText = !tags.HasJsonText && (tags.TellsText ? kind == ArgumentKind.Text : kind != ArgumentKind.Json);
        string[] ways =
            !isText ? [Way(isText: false, Part($"{name}-value", WithDefinitions(property.Value, schema)))]
            : ValuesOf(property.Value) is { } values ? [.. values.Select(value => Way(isText: true, Text(value)))]
            : [Way(isText: true, FreeText(tags.After(isText: true)))];
        grammar.Append(CultureInfo.InvariantCulture, $"{name} ::= {string.Join(" | ", ways)}\n");
        return name;

        string Way(bool isText, string value) => $"{Text(tags.Before(property.Name, isText))} {value} {Text(tags.After(isText))}";
    }

    private static string[]? ValuesOf(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
            return null;
        if (schema.TryGetProperty("const", out JsonElement only))
            return [only.ToString()];
        return
            schema.TryGetProperty("enum", out JsonElement values) && values.ValueKind == JsonValueKind.Array && values.GetArrayLength() > 0
            ?
            [
                .. values
                    .EnumerateArray()
                    .Select(static value => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText()),
            ]
            : null;
    }

    // References within the schema mean the same in a part of it.
    private static string WithDefinitions(JsonElement part, JsonElement whole)
    {
        if (part.ValueKind != JsonValueKind.Object)
            return part.GetRawText();
        JsonObject keywords = JsonObject.Create(part)!;
        foreach (string name in (string[])["$defs", "definitions"])
            if (!keywords.ContainsKey(name) && whole.TryGetProperty(name, out JsonElement definitions))
                keywords[name] = JsonNode.Parse(definitions.GetRawText());
        return keywords.ToJsonString();
    }

    // Any text without what ends it: one rule for each beginning of the end that may have been written (Knuth, Morris and Pratt 1977).
    private string FreeText(string end)
    {
        if (texts.TryGetValue(end, out string? name))
            return $"{name}-0";
        texts.Add(end, name = $"text-{texts.Count + 1}");
        for (int written = 0; written < end.Length; written++)
        {
            var ways = new List<string> { "\"\"" };
            char[] letters = [.. end.Distinct()];
            foreach (char letter in letters)
            {
                int next = OverlapOf(end[..written] + letter, end);
                if (next < end.Length)
                    ways.Add($"{Text(letter.ToString())} {name}-{next}");
            }

            ways.Add($"[^{string.Concat(letters.Select(Character))}] {name}-0");
            grammar.Append(CultureInfo.InvariantCulture, $"{name}-{written} ::= {string.Join(" | ", ways)}\n");
        }

        return $"{name}-0";
    }

    // The longest beginning of the end that a text ends with.
    private static int OverlapOf(string text, string end)
    {
        int length = Math.Min(text.Length, end.Length);
        while (length > 0 && !text.EndsWith(end[..length], StringComparison.Ordinal))
            length--;
        return length;
    }

    private static HashSet<string> RequiredOf(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.Object
        && schema.TryGetProperty("required", out JsonElement names)
        && names.ValueKind == JsonValueKind.Array
            ?
            [
                .. names
                    .EnumerateArray()
                    .Where(static name => name.ValueKind == JsonValueKind.String)
                    .Select(static name => name.GetString()!),
            ]
            : [];

    private static string Text(string text) => $"\"{string.Concat(text.Select(Character))}\"";

    // Characters beyond the first plane stay as they are: they are two here.
    private static string Character(char letter) => char.IsSurrogate(letter) ? letter.ToString() : $"\\u{(int)letter:X4}";
}
