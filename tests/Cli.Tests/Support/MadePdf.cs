using System.Text;

namespace Tessera.Cli.Tests.Support;

/// <summary>Small PDF files, a word in large letters on each page (ISO 32000-1, 7.5).</summary>
internal static class MadePdf
{
    /// <param name="side">Points of each side of a page.</param>
    /// <param name="words">One for each page.</param>
    public static byte[] Write(int side, params string[] words)
    {
        var objects = new List<string>
        {
            "<</Type/Catalog/Pages 2 0 R>>",
            $"<</Type/Pages/Count {words.Length}/Kids[{string.Concat(words.Select(static (_, index) => $"{3 + 2 * index} 0 R "))}]>>",
        };
        foreach (string word in words)
        {
            string drawing = $"BT /F1 96 Tf 40 {side / 2} Td ({word}) Tj ET";
            objects.Add(
                $"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {side} {side}]/Contents {objects.Count + 2} 0 R"
                    + "/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>"
            );
            objects.Add($"<</Length {drawing.Length}>>stream\n{drawing}\nendstream");
        }

        var file = new StringBuilder("%PDF-1.4\n");
        var offsets = new List<int>();
        for (int index = 0; index < objects.Count; index++)
        {
            offsets.Add(file.Length);
            file.Append($"{index + 1} 0 obj{objects[index]}endobj\n");
        }

        int table = file.Length;
        file.Append($"xref\n0 {objects.Count + 1}\n0000000000 65535 f \n");
        foreach (int offset in offsets)
            file.Append($"{offset:D10} 00000 n \n");
        file.Append($"trailer<</Size {objects.Count + 1}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n");
        return Encoding.ASCII.GetBytes(file.ToString());
    }
}
