namespace Tessera.Annotation;

/// <summary>Reads a file's lines as bytes, with a limit on their length.</summary>
internal static class JsonLines
{
    /// <summary>The most bytes of a line.</summary>
    public const int LongestLine = 64 << 20;
    private const int FirstBuffer = 1 << 16;

    /// <summary>The lines with the position behind each; the last one may lack its line end.</summary>
    /// <param name="stream">From its beginning.</param>
    /// <returns>Each line without its line end, valid until the next one is asked for.</returns>
    /// <exception cref="InvalidDataException">A line is longer than <see cref="LongestLine"/>.</exception>
    public static IEnumerable<(ReadOnlyMemory<byte> Line, long End, bool IsWhole)> Read(Stream stream)
    {
        var buffer = new byte[FirstBuffer];
        int start = 0,
            end = 0;
        long position = 0;
        for (int searched = 0; ; )
        {
            int at = buffer.AsSpan(searched, end - searched).IndexOf((byte)'\n');
            if (at >= 0)
            {
                int lineEnd = searched + at;
                position += lineEnd + 1 - start;
                yield return (buffer.AsMemory(start, lineEnd - start), position, true);
                start = searched = lineEnd + 1;
                continue;
            }

            (buffer, start, end) = MakeRoom(buffer, start, end);
            searched = end;
            int count = stream.Read(buffer, end, buffer.Length - end);
            if (count == 0)
                break;
            end += count;
        }

        if (end > start)
            yield return (buffer.AsMemory(start, end - start), position + end - start, false);
    }

    private static (byte[] Buffer, int Start, int End) MakeRoom(byte[] buffer, int start, int end)
    {
        int length = end - start;
        if (length > LongestLine)
            throw new InvalidDataException($"a line has more than {LongestLine} bytes");
        byte[] target = length > buffer.Length / 2 ? new byte[buffer.Length * 2] : buffer;
        Buffer.BlockCopy(buffer, start, target, 0, length);
        return (target, 0, length);
    }
}
