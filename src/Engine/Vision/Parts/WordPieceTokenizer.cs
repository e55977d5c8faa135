using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Tessera.Vision.Parts;

/// <summary>
/// BERT's tokenizer without capitals, for what of a prompt a Q-Former reads: control characters go, letters lose case and marks, words are
/// cut at spaces, punctuation and Chinese characters, and each word is spelled with the longest pieces from its beginning on. Source:
/// google-research/bert, tokenization.py; huggingface/transformers v5.12, models/bert/tokenization_bert_legacy.py.
/// </summary>
internal sealed class WordPieceTokenizer
{
    // The longest word that is spelled; longer ones are unknown.
    private const int MostLetters = 100;
    private const string Continued = "##";
    private static readonly string[] Specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"];
    private readonly FrozenDictionary<string, int> pieces;
    private readonly int unknown;
    private readonly int first;
    private readonly int last;

    private WordPieceTokenizer(FrozenDictionary<string, int> pieces, int unknown, int first, int last) =>
        (this.pieces, this.unknown, this.first, this.last) = (pieces, unknown, first, last);

    /// <summary>Makes one of the pieces in the order of their ids; null where <c>[UNK]</c>, <c>[CLS]</c> or <c>[SEP]</c> is
    /// missing.</summary>
    public static WordPieceTokenizer? Of(IReadOnlyList<string> vocabulary)
    {
        var byText = new Dictionary<string, int>(vocabulary.Count, StringComparer.Ordinal);
        for (int id = 0; id < vocabulary.Count; id++)
            byText[vocabulary[id]] = id;
        return
            byText.TryGetValue("[UNK]", out int unknown)
            && byText.TryGetValue("[CLS]", out int first)
            && byText.TryGetValue("[SEP]", out int last)
            ? new WordPieceTokenizer(byText.ToFrozenDictionary(StringComparer.Ordinal), unknown, first, last)
            : null;
    }

    /// <summary>The tokens of a text between <c>[CLS]</c> and <c>[SEP]</c>.</summary>
    public int[] Tokenize(string text)
    {
        var tokens = new List<int> { first };
        while (FindSpecial(text) is (int start, string special))
        {
            AddWords(tokens, text[..start]);
            tokens.Add(pieces[special]);
            text = text[(start + special.Length)..];
        }

        AddWords(tokens, text);
        tokens.Add(last);
        return [.. tokens];
    }

    // Special tokens are recognised as they stand, before anything is done to the text.
    private (int Start, string Special)? FindSpecial(string text)
    {
        (int Start, string Special)? found = null;
        foreach (string special in Specials)
            if (
                pieces.ContainsKey(special)
                && text.IndexOf(special, StringComparison.Ordinal) is >= 0 and int start
                && (found is null || start < found.Value.Start)
            )
                found = (start, special);
        return found;
    }

    private void AddWords(List<int> tokens, string text)
    {
        var word = new List<string>();
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value is 0 or 0xFFFD || IsControl(rune))
                continue;
            if (IsSpace(rune))
                Flush();
            else
                foreach (Rune bare in LetterForms.WithoutMarks(rune))
                    Add(Rune.ToLowerInvariant(bare));
        }

        Flush();

        void Add(Rune letter)
        {
            if (!IsAlone(letter))
            {
                word.Add(letter.ToString());
                return;
            }

            Flush();
            word.Add(letter.ToString());
            Flush();
        }

        void Flush()
        {
            if (word.Count > 0)
                AddWord(tokens, word);
            word.Clear();
        }
    }

    // The longest piece from the left, again and again; a word with a letter that no piece has is unknown as a whole.
    private void AddWord(List<int> tokens, List<string> letters)
    {
        int before = tokens.Count;
        for (int start = 0; start < letters.Count; )
        {
            int end = letters.Count <= MostLetters ? letters.Count : start;
            int id = 0;
            while (end > start && !pieces.TryGetValue(PieceOf(letters, start, end), out id))
                end--;
            if (end == start)
            {
                tokens.RemoveRange(before, tokens.Count - before);
                tokens.Add(unknown);
                return;
            }

            tokens.Add(id);
            start = end;
        }
    }

    private static string PieceOf(List<string> letters, int start, int end) =>
        (start > 0 ? Continued : "") + string.Concat(letters.Skip(start).Take(end - start));

    private static bool IsSpace(Rune rune) => rune.Value is ' ' or '\t' or '\n' or '\r' || Category(rune) == UnicodeCategory.SpaceSeparator;

    private static bool IsControl(Rune rune) =>
        rune.Value is not ('\t' or '\n' or '\r')
        && Category(rune)
            is UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned;

    // Punctuation, among which BERT counts all of ASCII that is neither letter nor digit, and Chinese characters.
    private static bool IsAlone(Rune rune) =>
        rune.Value < 0x80
            ? !Rune.IsLetterOrDigit(rune)
            : Category(rune)
                is UnicodeCategory.ConnectorPunctuation
                    or UnicodeCategory.DashPunctuation
                    or UnicodeCategory.OpenPunctuation
                    or UnicodeCategory.ClosePunctuation
                    or UnicodeCategory.InitialQuotePunctuation
                    or UnicodeCategory.FinalQuotePunctuation
                    or UnicodeCategory.OtherPunctuation
                || IsChinese(rune.Value);

    private static bool IsChinese(int code) =>
        code
            is (>= 0x4E00 and <= 0x9FFF)
                or (>= 0x3400 and <= 0x4DBF)
                or (>= 0x20000 and <= 0x2A6DF)
                or (>= 0x2A700 and <= 0x2B73F)
                or (>= 0x2B740 and <= 0x2B81F)
                or (>= 0x2B820 and <= 0x2CEAF)
                or (>= 0xF900 and <= 0xFAFF)
                or (>= 0x2F800 and <= 0x2FA1F);

    private static UnicodeCategory Category(Rune rune) => Rune.GetUnicodeCategory(rune);
}
