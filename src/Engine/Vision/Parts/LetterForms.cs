using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Tessera.Vision.Parts;

/// <summary>
/// Letters without their marks: decomposed (Unicode's NFD), and what is a mark left out. By a table (decompositions.txt says how it is
/// made), as .NET decomposes nothing in its invariant mode.
/// </summary>
internal static class LetterForms
{
    private const string Resource = "Tessera.decompositions.txt";

    // The Unicode Standard, 3.12: conjoining jamo.
    private const int HangulFirst = 0xAC00,
        HangulLast = 0xD7A3,
        LeadFirst = 0x1100,
        VowelFirst = 0x1161,
        TailFirst = 0x11A7,
        TailCount = 28,
        VowelCount = 21;
    private static readonly Lazy<FrozenDictionary<int, Rune[]>> Table = new(Read);

    /// <summary>What is left of a character.</summary>
    public static IReadOnlyList<Rune> WithoutMarks(Rune rune)
    {
        if (rune.IsAscii)
            return [rune];
        if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark)
            return [];
        if (rune.Value is >= HangulFirst and <= HangulLast)
            return Jamo(rune.Value - HangulFirst);
        return Table.Value.TryGetValue(rune.Value, out Rune[]? parts) ? parts : [rune];
    }

    private static Rune[] Jamo(int index)
    {
        var lead = new Rune(LeadFirst + index / (VowelCount * TailCount));
        var vowel = new Rune(VowelFirst + index / TailCount % VowelCount);
        int tail = index % TailCount;
        return tail == 0 ? [lead, vowel] : [lead, vowel, new Rune(TailFirst + tail)];
    }

    private static FrozenDictionary<int, Rune[]> Read()
    {
        using Stream stream = typeof(LetterForms).Assembly.GetManifestResourceStream(Resource)!;
        using var reader = new StreamReader(stream);
        var table = new Dictionary<int, Rune[]>();
        while (reader.ReadLine() is { } line)
        {
            int[] codes = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static code => Convert.ToInt32(code, 16))];
            table[codes[0]] = [.. codes[1..].Select(static code => new Rune(code))];
        }

        return table.ToFrozenDictionary();
    }
}
