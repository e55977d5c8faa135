namespace Tessera.Grammars;

/// <summary>
/// Grammars in GBNF (ggml-org/llama.cpp, grammars/README.md) that are safe to sample with: each rule ends, the repetitions are bounded,
/// and llama.cpp's parser reads them as they are meant.
/// </summary>
public static class Gbnf
{
    /// <summary>The grammar of the JSON texts that follow a schema; its first rule is <c>root</c>.</summary>
    /// <param name="schema">JSON Schema, drafts 7 to 2020-12.</param>
    /// <exception cref="SchemaException">The schema contradicts itself, is too large, or has a keyword that cannot be honoured.</exception>
    public static string FromSchema(string schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return SchemaGrammar.Convert(schema);
    }

    /// <summary>A grammar in the one form that is safe to sample with, from its rule <c>root</c>.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="parts">Grammars in the place of rules that it uses and does not define, by their names.</param>
    /// <exception cref="GrammarException">The grammar cannot be used; the message has the line and the column.</exception>
    public static string Normalize(string grammar, IReadOnlyDictionary<string, string>? parts = null)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        return GbnfParser.Normalize(grammar, parts);
    }
}
