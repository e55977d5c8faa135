namespace Tessera.Imaging.Video;

/// <summary>Orders names as people count, the same on every system: <c>2.png</c> before <c>10.png</c>, case does not matter.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static NaturalOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
            return string.CompareOrdinal(x, y);
        int order = CompareParts(x, y);
        return order != 0 ? order : string.CompareOrdinal(x, y);
    }

    private static int CompareParts(ReadOnlySpan<char> x, ReadOnlySpan<char> y)
    {
        while (!x.IsEmpty && !y.IsEmpty)
        {
            int order =
                char.IsAsciiDigit(x[0]) && char.IsAsciiDigit(y[0])
                    ? CompareNumbers(TakeDigits(ref x), TakeDigits(ref y))
                    : char.ToUpperInvariant(Take(ref x)).CompareTo(char.ToUpperInvariant(Take(ref y)));
            if (order != 0)
                return order;
        }

        return x.Length.CompareTo(y.Length);
    }

    private static char Take(ref ReadOnlySpan<char> text)
    {
        char first = text[0];
        text = text[1..];
        return first;
    }

    private static ReadOnlySpan<char> TakeDigits(ref ReadOnlySpan<char> text)
    {
        int length = text.IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> digits = length < 0 ? text : text[..length];
        text = text[digits.Length..];
        return digits.TrimStart('0');
    }

    private static int CompareNumbers(ReadOnlySpan<char> x, ReadOnlySpan<char> y) =>
        x.Length != y.Length ? x.Length.CompareTo(y.Length) : x.SequenceCompareTo(y);
}
