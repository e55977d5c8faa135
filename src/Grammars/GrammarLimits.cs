namespace Tessera.Grammars;

/// <summary>What a grammar or a schema may cost; both may be hostile. Reaching a limit takes a fraction of a second.</summary>
internal static class GrammarLimits
{
    /// <summary>Characters of a schema or a grammar.</summary>
    public const int TextLength = 256 * 1024;

    /// <summary>How deep a schema's JSON and a grammar's brackets may nest.</summary>
    public const int Depth = 64;

    /// <summary>Schemas in a schema, those counted anew that are merged with others.</summary>
    public const int SchemaCount = 10_000;

    /// <summary>The most repetitions that are counted.</summary>
    public const int RepeatCount = 16_384;

    /// <summary>Limits in a schema from here on are none: no answer is so long.</summary>
    public const int Unlimited = 1_000_000;

    /// <summary>Symbols of all rules after every repetition is written out, as llama.cpp does.</summary>
    public const int ExpandedSize = 400_000;

    /// <summary>Ways on which rules begin with rules: llama.cpp follows each when it looks for left recursion, and may keep a stack for
    /// each.</summary>
    public const int BeginningCount = 500_000;

    /// <summary>Rules that begin with each other in a row: llama.cpp follows them recursively.</summary>
    public const int BeginningDepth = 3_000;

    /// <summary>
    /// Beginnings of a counted repetition whose item may be empty: llama.cpp keeps a stack for each at once, and looks from each at all
    /// others. <c>("a"?){300}</c>, with 600, takes a second for each token.
    /// </summary>
    public const int EmptyWays = 128;

    /// <summary>Counts in which one text may fit repetitions inside each other: llama.cpp keeps a stack for each.</summary>
    public const int RepetitionWays = 300;
}
