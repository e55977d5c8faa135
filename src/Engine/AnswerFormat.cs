using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using Tessera.Grammars;

namespace Tessera;

/// <summary>What an answer must look like: JSON that follows a schema or a type, or text that follows a grammar. Made once, used for any
/// number of answers.</summary>
public sealed class AnswerFormat
{
    private static readonly Lazy<AnswerFormat> AnyJsonObject = new(static () => FromSchema("""{"type":"object"}"""));

    private AnswerFormat(string grammar, string? schema)
    {
        Grammar = grammar;
        Schema = schema;
    }

    /// <summary>Any JSON object, nested a few levels deep.</summary>
    public static AnswerFormat JsonObject => AnyJsonObject.Value;

    /// <summary>The grammar that answers follow, as GBNF; its first rule is <c>root</c>.</summary>
    public string Grammar { get; }

    /// <summary>The JSON Schema that the grammar was made from, or null.</summary>
    public string? Schema { get; }

    /// <summary>JSON that follows a schema.</summary>
    /// <param name="schema">JSON Schema, drafts 7 to 2020-12; docs/schema.md lists the keywords.</param>
    /// <exception cref="SchemaException">The schema contradicts itself, is too large, or has a keyword that cannot be honoured.</exception>
    public static AnswerFormat FromSchema(string schema) => new(Gbnf.FromSchema(schema), schema);

    /// <summary>JSON that follows a schema; like <see cref="FromSchema(string)"/>.</summary>
    /// <exception cref="SchemaException">The schema cannot be used.</exception>
    public static AnswerFormat FromSchema(JsonElement schema) => FromSchema(schema.GetRawText());

    /// <summary>Text that follows a GBNF grammar (llama.cpp, grammars/README.md), from its rule <c>root</c>.</summary>
    /// <exception cref="GrammarException">The grammar cannot be used; the message has the line and the column.</exception>
    public static AnswerFormat FromGrammar(string grammar) => new(Gbnf.Normalize(grammar), null);

    /// <summary>Text that follows a GBNF grammar with other formats in their places, such as an object of a schema between two
    /// tags.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="parts">The formats, by the names of rules that the grammar uses and does not define; those that it does not use are
    /// left out.</param>
    /// <exception cref="GrammarException">The grammar cannot be used; the message has the line and the column.</exception>
    public static AnswerFormat FromGrammar(string grammar, IReadOnlyDictionary<string, AnswerFormat> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return new(Gbnf.Normalize(grammar, parts.ToDictionary(static part => part.Key, static part => part.Value.Grammar)), null);
    }

    /// <summary>JSON that holds a value of a type, with all its members; those that may be null are null where they say nothing.</summary>
    /// <param name="type">The type, best from a source-generated
    /// <see cref="System.Text.Json.Serialization.JsonSerializerContext"/>.</param>
    /// <exception cref="SchemaException">The type has something that a schema or a grammar cannot say.</exception>
    public static AnswerFormat FromType<T>(JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        try
        {
            return FromSchema(
                type.GetJsonSchemaAsNode(
                        new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Refine }
                    )
                    .ToJsonString()
            );
        }
        catch (NotSupportedException failure)
        {
            throw new SchemaException("#", null, $"{typeof(T).Name} has no schema ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    // What the exporter leaves open: the ranges of numbers, times without a zone, and that an answer should have every member.
    private static JsonNode Refine(JsonSchemaExporterContext context, JsonNode schema)
    {
        if (schema is not JsonObject keywords)
            return schema;
        Type type = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
        if (keywords["properties"] is JsonObject members && members.Count > 0)
            keywords["required"] = new JsonArray([.. members.Select(static member => (JsonNode)member.Key)]);
        if (type == typeof(TimeOnly) || type == typeof(TimeSpan))
        {
            keywords.Remove("format");
            keywords["pattern"] = $"^{(type == typeof(TimeSpan) ? "-?(\\d{1,6}\\.)?" : "")}([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d$";
        }

        if (keywords["enum"] is null && RangeOf(type) is (decimal least, decimal most))
        {
            keywords["minimum"] = least;
            keywords["maximum"] = most;
        }

        return keywords;
    }

    private static (decimal Least, decimal Most)? RangeOf(Type type) =>
        Type.GetTypeCode(type) switch
        {
            TypeCode.Byte => (byte.MinValue, byte.MaxValue),
            TypeCode.SByte => (sbyte.MinValue, sbyte.MaxValue),
            TypeCode.Int16 => (short.MinValue, short.MaxValue),
            TypeCode.UInt16 => (ushort.MinValue, ushort.MaxValue),
            TypeCode.Int32 => (int.MinValue, int.MaxValue),
            TypeCode.UInt32 => (uint.MinValue, uint.MaxValue),
            TypeCode.Int64 => (long.MinValue, long.MaxValue),
            TypeCode.UInt64 => (ulong.MinValue, ulong.MaxValue),
            TypeCode.Decimal => (-999_999_999_999_999m, 999_999_999_999_999m),
            _ => null,
        };
}
