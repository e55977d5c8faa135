namespace Tessera.Text.Llama;

/// <summary>
/// What a context's saved states look like, learned from one that the context wrote itself: states from files are held to it before
/// libllama, which believes most of what they say, sees them. An edition of llama.cpp, or a kind of model, that writes another form than
/// is known here has no shape: then what was said is computed again.
/// </summary>
internal sealed class StateShape
{
    private const uint Magic = 0xAF143CD8;

    // Plain caches, those with a second cache for layers that look back less far, recurrent models, and hybrids of them.
    private static readonly bool[][] Caches =
    [
        [false],
        [false, false],
        [true],
        [false, true],
        [false, false, true],
    ];

    // None; two axes of M-RoPE (ggml 0.18.0), with the token after them (ggml 0.25.1).
    private static readonly int[] ExtensionLengths = [0, 8, 12];
    private readonly bool hasHeader;
    private readonly StatePart[] parts;

    private StateShape(bool hasHeader, StatePart[] parts)
    {
        this.hasHeader = hasHeader;
        this.parts = parts;
    }

    /// <summary>Learns the shape from the state of a sequence of one token; null if it is of no known form.</summary>
    public static StateShape? Learn(ReadOnlySpan<byte> state, int tokenCount)
    {
        foreach (bool[] caches in Caches)
        {
            foreach (int extension in ExtensionLengths)
            {
                foreach (bool hasValues in (bool[])[true, false])
                {
                    StateForm[] forms =
                    [
                        .. caches.Select(isRecurrent => isRecurrent ? new StateForm(true) : new StateForm(false, extension, hasValues)),
                    ];
                    if (Read(state, forms, 1, tokenCount) is { } shape)
                        return shape;
                }
            }
        }

        return null;
    }

    /// <summary>The most bytes that the state of so many positions has.</summary>
    public long LongestFor(int length) => (hasHeader ? 8 : 0) + parts.Sum(part => part.LengthFor(length));

    /// <summary>Whether a state is one that this context could have written for so many positions.</summary>
    public bool Fits(ReadOnlySpan<byte> state, int length, int tokenCount)
    {
        if (length < 1 || state.Length > LongestFor(length))
            return false;
        return Read(state, [.. parts.Select(static part => part.Form)], length, tokenCount) is { } other
            && hasHeader == other.hasHeader
            && parts.Zip(other.parts).All(static pair => pair.First.IsLike(pair.Second));
    }

    private static StateShape? Read(ReadOnlySpan<byte> state, StateForm[] forms, int length, int tokenCount)
    {
        var cursor = new StateCursor(state);
        bool hasHeader = (uint)cursor.Int() == Magic;
        // After the magic number comes the sequence that it was saved from.
        if (hasHeader)
            cursor.Int();
        else
            cursor = new StateCursor(state);
        var parts = new StatePart[forms.Length];
        for (int index = 0; index < forms.Length; index++)
        {
            parts[index] = new StatePart(forms[index]);
            if (!parts[index].TryRead(ref cursor, length, tokenCount, isLast: index == forms.Length - 1))
                return null;
        }

        return cursor.IsAtEnd ? new StateShape(hasHeader, parts) : null;
    }
}
