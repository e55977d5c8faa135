namespace Tessera.Text;

/// <summary>What the end of a text may still become.</summary>
internal static class TextEnd
{
    /// <summary>Characters of the longest end of a text with which one of some strings begins, without being all of it.</summary>
    public static int BeginningOf(IEnumerable<string> strings, string text)
    {
        int longest = 0;
        foreach (string whole in strings)
        {
            for (int length = Math.Min(whole.Length - 1, text.Length); length > longest; length--)
            {
                if (!text.AsSpan(text.Length - length).SequenceEqual(whole.AsSpan(0, length)))
                    continue;
                longest = length;
                break;
            }
        }

        return longest;
    }
}
