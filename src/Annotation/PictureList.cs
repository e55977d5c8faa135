using System.Text;

namespace Tessera.Annotation;

/// <summary>A text with the path of a picture on each line; empty lines are left out.</summary>
internal static class PictureList
{
    private const int LongestPath = 1 << 15;

    /// <summary>The paths.</summary>
    /// <param name="stream">The text, in UTF-8.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="TesseraException">It is no list, or cannot be read.</exception>
    public static IEnumerable<string> Read(Stream stream, string name)
    {
        using IEnumerator<(ReadOnlyMemory<byte> Line, long End, bool IsWhole)> lines = JsonLines.Read(stream).GetEnumerator();
        for (int number = 1; TryNext(lines, name); number++)
            if (PathOf(lines.Current.Line.Span, name, number) is { Length: > 0 } path)
                yield return path;
    }

    private static bool TryNext(IEnumerator<(ReadOnlyMemory<byte>, long, bool)> lines, string name)
    {
        try
        {
            return lines.MoveNext();
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{name}: it cannot be read ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    private static string PathOf(ReadOnlySpan<byte> line, string name, int number)
    {
        ReadOnlySpan<byte> path = line.TrimEnd((byte)'\r');
        if (number == 1 && path.StartsWith(Encoding.UTF8.Preamble))
            path = path[Encoding.UTF8.Preamble.Length..];
        if (path.Length > LongestPath || path.Contains((byte)0))
            throw new TesseraException($"{name}: line {number} is no path, so it is neither a picture nor a list of pictures.");
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(path);
        }
        catch (DecoderFallbackException failure)
        {
            throw new TesseraException($"{name}: line {number} is no text in UTF-8, so it is no list of pictures.", failure);
        }
    }
}
