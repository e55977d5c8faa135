using System.Buffers;

namespace Tessera.Extensions.AI;

/// <summary>Reads the function of a call, and its id where the model gives one.</summary>
/// <param name="End">What ends the header; empty where a line's end or the next tag does.</param>
internal sealed record CallHeader(string End)
{
    private const int MaxLength = 512;
    private const int MinIdLength = 4;
    private static readonly SearchValues<char> Forbidden = SearchValues.Create("<>{}\n\"");

    /// <summary>What the header is the call's id behind; a number behind the function is then none of it. Empty for no such id.</summary>
    public string IdPrefix { get; init; } = "";

    /// <summary>What stands between an id and the function; empty for no such id. An id of few characters, as a grammar writes it, counts
    /// as none.</summary>
    public string IdEnd { get; init; } = "";

    /// <summary>Reads a header.</summary>
    /// <param name="body">The text.</param>
    /// <param name="start">Where the header begins.</param>
    /// <param name="atEnd">Whether nothing more comes.</param>
    /// <param name="position">The index behind it; 0 if there is none, negative while more is needed.</param>
    /// <param name="id">The id, or null.</param>
    /// <param name="name">The function.</param>
    public bool TryRead(string body, int start, bool atEnd, out int position, out string? id, out string name)
    {
        (id, name) = (null, "");
        while (start < body.Length && char.IsWhiteSpace(body[start]))
            start++;
        int length = End.Length > 0 ? body.AsSpan(start).IndexOf(End, StringComparison.Ordinal) : body.AsSpan(start).IndexOfAny('\n', '<');
        position = length < 0 && !atEnd && body.Length - start <= MaxLength ? -1 : 0;
        if (length is < 0 or > MaxLength)
            return false;
        name = body.Substring(start, length).Trim();
        if (IdEnd.Length > 0 && name.IndexOf(IdEnd, StringComparison.Ordinal) is >= 0 and int behind)
            (id, name) = (behind < MinIdLength ? null : name[..behind].Trim(), name[(behind + IdEnd.Length)..].Trim());
        if (IdPrefix.Length > 0 && name.LastIndexOf(':') is > 0 and int colon)
            (id, name) = (IdPrefix + name, name[..colon]);
        if (name.Length == 0 || name.AsSpan().ContainsAny(Forbidden))
            return false;
        position = start + length + End.Length;
        return true;
    }
}
