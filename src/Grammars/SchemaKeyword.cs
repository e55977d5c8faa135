using System.Numerics;
using System.Text.Json;
using Tessera.Shared;

namespace Tessera.Grammars;

/// <summary>A keyword with its value, which must be of the kind that the keyword takes.</summary>
/// <param name="Pointer">The schema that it stands in.</param>
/// <param name="Name">The keyword.</param>
/// <param name="Value">Its value.</param>
internal readonly record struct SchemaKeyword(string Pointer, string Name, JsonElement Value)
{
    /// <summary>A name as a JSON pointer holds it (RFC 6901).</summary>
    public static string Escape(string name) =>
        name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    public SchemaException Fault(string problem) => new(Pointer, Name, problem);

    public string String() => String(Value);

    public string String(JsonElement element) =>
        element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Fault("holds something that is no string.");

    public IEnumerable<JsonElement> Elements()
    {
        if (Value.ValueKind != JsonValueKind.Array)
            throw Fault("is no array.");
        if (Value.GetArrayLength() == 0 && Name is "enum" or "anyOf" or "oneOf")
            throw Fault("is empty, so no value can follow it.");
        return Value.EnumerateArray();
    }

    public IEnumerable<JsonProperty> Members() =>
        Value.ValueKind == JsonValueKind.Object ? Value.EnumerateObject() : throw Fault("is no object.");

    public JsonKinds Kinds()
    {
        SchemaKeyword keyword = this;
        JsonKinds kinds =
            Value.ValueKind == JsonValueKind.Array
                ? Elements().Aggregate(JsonKinds.None, (all, element) => all | keyword.Kind(element))
                : Kind(Value);
        return kinds != JsonKinds.None ? kinds : throw Fault("is empty, so no value can follow it.");
    }

    public ExactDecimal Number()
    {
        if (Value.ValueKind != JsonValueKind.Number)
            throw Fault("is no number.");
        if (!ExactDecimal.TryParse(Value.GetRawText(), out ExactDecimal value))
            throw Fault($"is {PlainText.Quote(Value.GetRawText())}, which has too many digits.");
        return value;
    }

    /// <summary>A least count.</summary>
    public int Count()
    {
        ExactDecimal value = Number();
        if (value.Scale > 0 || value.Units < 0)
            throw Fault("is no whole number from 0.");
        return value.Units <= GrammarLimits.RepeatCount ? (int)value.Units : throw Fault($"is more than {GrammarLimits.RepeatCount}.");
    }

    /// <summary>A greatest count; null where no answer reaches it.</summary>
    public int? Maximum()
    {
        ExactDecimal value = Number();
        if (value.Scale == 0 && value.Units >= GrammarLimits.Unlimited)
            return null;
        return value.Scale == 0 && value.Units > GrammarLimits.RepeatCount
            ? throw Fault($"is more than {GrammarLimits.RepeatCount}, but less than {GrammarLimits.Unlimited}, which counts as no limit.")
            : Count();
    }

    /// <summary>Digits after the point, where the value is 1, 0.1, 0.01 and so on.</summary>
    public int PowerOfTen()
    {
        ExactDecimal value = Number();
        return value.Units == BigInteger.One
            ? value.Scale
            : throw Fault("cannot be said by a grammar, unless it is 1, 0.1, 0.01 and so on.");
    }

    private JsonKinds Kind(JsonElement element) =>
        String(element) switch
        {
            "null" => JsonKinds.Null,
            "boolean" => JsonKinds.Boolean,
            "integer" => JsonKinds.Integer,
            "number" => JsonKinds.Number,
            "string" => JsonKinds.Text,
            "array" => JsonKinds.Array,
            "object" => JsonKinds.Object,
            string name => throw Fault($"is '{PlainText.Quote(name)}', which is no type."),
        };
}
