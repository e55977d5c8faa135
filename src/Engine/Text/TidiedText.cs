using System.Text;

namespace Tessera.Text;

/// <summary>
/// Text of WordPiece tokens, which all stand apart, without the spaces that written English does not have. Source:
/// huggingface/transformers v5.12, tokenization_utils_base.py, clean_up_tokenization, which BERT's tokenizers did by default before
/// version 5.
/// </summary>
internal sealed class TidiedText
{
    // In this order, each over the whole text.
    private static readonly (string Apart, string Together)[] Rules =
    [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];

    private readonly StringBuilder whole = new();
    private int shownLength;

    /// <summary>A whole text.</summary>
    public static string Of(string text) =>
        Rules.Aggregate(text, static (tidied, rule) => tidied.Replace(rule.Apart, rule.Together, StringComparison.Ordinal));

    /// <summary>Adds text and returns what became certain.</summary>
    public string Append(ReadOnlySpan<char> text)
    {
        whole.Append(text);
        // What follows a space tells whether that stays.
        string tidied = Of(whole.ToString().TrimEnd(' '));
        return TakeTo(tidied, tidied.Length - TextEnd.BeginningOf(Rules.Select(static rule => rule.Apart), tidied));
    }

    /// <summary>Returns what was held back.</summary>
    public string Finish()
    {
        string tidied = Of(whole.ToString());
        return TakeTo(tidied, tidied.Length);
    }

    private string TakeTo(string tidied, int length)
    {
        if (length <= shownLength)
            return "";
        string next = tidied[shownLength..length];
        shownLength = length;
        return next;
    }
}
