namespace Tessera.Extensions.AI;

/// <summary>Finds where a JSON object or array ends in text that may go on.</summary>
internal static class JsonExtent
{
    /// <summary>The index behind the value that begins at the start; -1 while its end has not come.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Index of the opening brace or bracket.</param>
    public static int EndOf(string text, int start)
    {
        int depth = 0;
        bool inString = false;
        for (int index = start; index < text.Length; index++)
        {
            char letter = text[index];
            if (inString)
            {
                if (letter == '\\')
                    index++;
                else if (letter == '"')
                    inString = false;
            }
            else if (letter == '"')
                inString = true;
            else if (letter is '{' or '[')
                depth++;
            else if (letter is '}' or ']' && --depth <= 0)
                return index + 1;
        }

        return -1;
    }
}
