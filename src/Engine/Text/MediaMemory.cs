namespace Tessera.Text;

/// <summary>How a language model's layers see media beside its rows (cross-attention).</summary>
/// <param name="Width">Width of a memory's row.</param>
/// <param name="JoinsNeighbours">Whether media whose places touch are seen together; else a row sees the latest one only.</param>
/// <param name="MostMedia">The most media of one prompt.</param>
internal sealed record MemoryRule(int Width, bool JoinsNeighbours, int MostMedia);

/// <summary>What cross-attention layers see of a picture or a video.</summary>
/// <param name="Key">Tells apart what it was made of.</param>
/// <param name="Values">[width, rows].</param>
/// <param name="SeenRows">The first rows, which stand for the picture; what follows is padding that the encoder made beside them.</param>
/// <param name="Origin">Whose values they are: what a saved conversation brought serves that one only.</param>
internal sealed record MediaMemory(ulong Key, ReadOnlyMemory<float> Values, int SeenRows, KeyOrigin Origin = default)
{
    private const ulong ContentBit = 1UL << 63;

    /// <summary>Tells its values apart from others that claim to be of the same picture.</summary>
    public ulong ValueKey => Origin.Apply(Key | ContentBit);
}

/// <summary>What a stretch of a prompt sees, and what there is to be seen in the whole prompt.</summary>
/// <param name="Seen">The media that its rows see; empty before the first.</param>
/// <param name="All">The media of the whole prompt, in order.</param>
internal sealed record MemoryView(IReadOnlyList<MediaMemory> Seen, IReadOnlyList<MediaMemory> All)
{
    // FNV-1a (Fowler, Noll, Vo; 64 bits), over whole keys.
    private const ulong Offset = 14695981039346656037,
        Prime = 1099511628211;

    /// <summary>Tells apart what the rows see: all of it where they see nothing, as a layer may look at all then.</summary>
    public ulong Key
    {
        get
        {
            ulong key = Offset + (ulong)Seen.Count;
            foreach (MediaMemory memory in Seen.Count > 0 ? Seen : All)
                key = (key ^ memory.Key) * Prime;
            return key;
        }
    }

    /// <summary>The views of a prompt's stretches: the first is that of the rows before all media, the others begin at each medium's
    /// place.</summary>
    /// <param name="rule">How the language model sees media.</param>
    /// <param name="media">The media in order.</param>
    /// <param name="touchesLast">Whether each medium's place stands right behind the one before.</param>
    public static IReadOnlyList<MemoryView> Of(MemoryRule rule, IReadOnlyList<MediaMemory> media, IReadOnlyList<bool> touchesLast)
    {
        var views = new List<MemoryView> { new([], media) };
        for (int index = 0; index < media.Count; index++)
            views.Add(
                new MemoryView(rule.JoinsNeighbours && touchesLast[index] ? [.. views[^1].Seen, media[index]] : [media[index]], media)
            );
        return views;
    }
}
