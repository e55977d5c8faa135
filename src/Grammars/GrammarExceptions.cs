using Tessera.Shared;

namespace Tessera.Grammars;

/// <summary>A JSON Schema that cannot be used: it contradicts itself, is too large, or has a keyword that a grammar cannot
/// honour.</summary>
public sealed class SchemaException : TesseraException
{
    /// <summary>Creates the failure at one place of a schema.</summary>
    /// <param name="pointer">JSON pointer of the schema at fault, from <c>#</c>; the message starts with it.</param>
    /// <param name="keyword">The keyword at fault, or null if it is the whole.</param>
    /// <param name="problem">What is wrong there.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public SchemaException(string pointer, string? keyword, string problem, Exception? innerException = null)
        : base(
            keyword is null
                ? $"{PlainText.Quote(pointer)}: {problem}"
                : $"{PlainText.Quote(pointer)}: \"{PlainText.Quote(keyword)}\" {problem}",
            innerException
        )
    {
        Pointer = pointer;
        Keyword = keyword;
    }

    /// <summary>JSON pointer of the schema at fault, from <c>#</c>.</summary>
    public string Pointer { get; }

    /// <summary>The keyword at fault, or null if it is the whole.</summary>
    public string? Keyword { get; }
}

/// <summary>A GBNF grammar that cannot be used.</summary>
public sealed class GrammarException : TesseraException
{
    /// <summary>Creates the failure at one place of a grammar.</summary>
    /// <param name="line">Line in the grammar, from 1; 0 if it is the whole.</param>
    /// <param name="column">Column in that line, from 1.</param>
    /// <param name="problem">What is wrong there.</param>
    public GrammarException(int line, int column, string problem)
        : base(line > 0 ? $"line {line}, column {column}: {problem}" : problem)
    {
        Line = line;
        Column = column;
    }

    /// <summary>Line in the grammar, from 1; 0 if it is the whole.</summary>
    public int Line { get; }

    /// <summary>Column in that line, from 1.</summary>
    public int Column { get; }
}

/// <summary>An answer that does not hold what was asked for: it was cut, or is none of the type's values.</summary>
public sealed class AnswerFormatException : TesseraException
{
    /// <summary>Creates the failure for one answer.</summary>
    /// <param name="problem">The one sentence.</param>
    /// <param name="answer">What the model said.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public AnswerFormatException(string problem, string answer, Exception? innerException = null)
        : base(problem, innerException) => Answer = answer;

    /// <summary>What the model said.</summary>
    public string Answer { get; }
}
