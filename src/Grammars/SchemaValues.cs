using System.Text.Json;
using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>The values of an <c>enum</c> or <c>const</c>, those left out that other keywords forbid.</summary>
internal static class SchemaValues
{
    // Deeper, texts that begin alike are listed one by one.
    private const int MaxDepth = 24;

    /// <exception cref="SchemaException">No value is left, or a keyword beside them cannot be checked.</exception>
    public static GrammarExpression Of(SchemaNode node)
    {
        string[] texts =
        [
            .. node.Values!.Where(value => Fits(node, value)).Select(JsonText.Write).Distinct().Order(StringComparer.Ordinal),
        ];
        return texts.Length > 0
            ? ByBeginning(texts, 0)
            : throw new SchemaException(node.Pointer, "enum", "holds no value that the other keywords allow.");
    }

    /// <summary>The kind of a value.</summary>
    public static JsonKinds KindOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => JsonKinds.Text,
            JsonValueKind.Object => JsonKinds.Object,
            JsonValueKind.Array => JsonKinds.Array,
            JsonValueKind.True or JsonValueKind.False => JsonKinds.Boolean,
            JsonValueKind.Null => JsonKinds.Null,
            _ => ExactDecimal.TryParse(value.GetRawText(), out ExactDecimal number) && number.Scale == 0
                ? JsonKinds.Integer
                : JsonKinds.Fraction,
        };

    private static bool Fits(SchemaNode node, JsonElement value)
    {
        JsonKinds kind = KindOf(value);
        if ((node.Kinds & kind) == 0)
            return false;
        switch (kind)
        {
            case JsonKinds.Text:
                RequireNone(node, node.Pattern ?? node.Format, node.Pattern is null ? "format" : "pattern");
                int length = value.GetString()!.EnumerateRunes().Count();
                return length >= node.MinLength && !(length > node.MaxLength);
            case JsonKinds.Integer or JsonKinds.Fraction:
                return ExactDecimal.TryParse(value.GetRawText(), out ExactDecimal number)
                    && number.Scale <= node.Scale + (node.Scale == NumberGrammar.DigitCount ? int.MaxValue / 2 : 0)
                    && !(node.Minimum is { } low && Exceeds(low, number))
                    && !(node.Maximum is { } high && Exceeds(new NumberBound(high.Value.Negate(), high.IsExclusive), number.Negate()));
            case JsonKinds.Array:
                RequireNone(node, node.Prefix ?? (object?)node.Items, "items");
                return value.GetArrayLength() >= node.MinItems && !(value.GetArrayLength() > node.MaxItems);
            case JsonKinds.Object:
                RequireNone(
                    node,
                    node.Properties.Count > 0 || node.Required.Count > 0 ? node : node.Additional ?? node.PropertyNames,
                    "properties"
                );
                return value.EnumerateObject().Count() is var count && count >= node.MinProperties && !(count > node.MaxProperties);
            default:
                return true;
        }
    }

    private static bool Exceeds(NumberBound bound, ExactDecimal value) =>
        bound.Value.CompareTo(value) is var order && (order > 0 || (order == 0 && bound.IsExclusive));

    private static void RequireNone(SchemaNode node, object? other, string keyword)
    {
        if (other is not null)
            throw new SchemaException(node.Pointer, keyword, "stands beside an enum or const, whose values are not checked against it.");
    }

    // Those with the same first character together, so that the sampler follows one way at a time.
    private static GrammarExpression ByBeginning(string[] texts, int depth)
    {
        if (texts.Length == 1 || depth >= MaxDepth)
            return Either(texts.Select(Exactly));
        var options = new List<GrammarExpression>();
        foreach (
            IGrouping<string, string> group in texts.GroupBy(static text =>
                text.Length == 0 ? "" : text[..(char.IsSurrogate(text[0]) ? 2 : 1)]
            )
        )
        {
            string[] members = [.. group];
            int shared =
                members.Length == 1 ? members[0].Length : members.Skip(1).Min(text => text.AsSpan().CommonPrefixLength(members[0]));
            if (shared > 0 && shared < members[0].Length && char.IsHighSurrogate(members[0][shared - 1]))
                shared--;
            options.Add(
                members.Length == 1
                    ? Exactly(members[0])
                    : Join(Exactly(members[0][..shared]), ByBeginning([.. members.Select(text => text[shared..])], depth + 1))
            );
        }

        return Either(options);
    }
}
