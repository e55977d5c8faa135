namespace Tessera;

/// <summary>What a slice shows.</summary>
public enum SliceKind
{
    /// <summary>The whole picture.</summary>
    Overview,

    /// <summary>One cell of the grid.</summary>
    Tile,
}

/// <summary>One picture that the vision tower sees.</summary>
/// <param name="Kind">Whether it is the overview or a tile.</param>
/// <param name="Row">Row in the grid, 0 at the top; 0 for an overview.</param>
/// <param name="Column">Column in the grid, 0 at the left; 0 for an overview.</param>
/// <param name="Size">Size in pixels as the tower sees it.</param>
/// <param name="TokenCount">Rows that the connector makes of it, before merging.</param>
/// <param name="Source">The part of the original picture that it shows; may reach outside where the family pads.</param>
public sealed record Slice(SliceKind Kind, int Row, int Column, PixelSize Size, int TokenCount, SourceRectangle Source)
{
    /// <summary>Index of a video's frame; 0 for a picture.</summary>
    public int Frame { get; init; }
}

/// <summary>A stretch of what stands for a picture in the prompt.</summary>
/// <param name="Kind">What it is, such as <c>overview</c>, <c>tile</c>, <c>row</c>, <c>text</c> or <c>token</c>.</param>
/// <param name="RowCount">Embeddings, in the order of <see cref="SlicePlan.ImageTokenCount"/>; 0 for text.</param>
/// <param name="Text">Text with special tokens, or the text of one token; null for embeddings.</param>
public sealed record LayoutSpan(string Kind, int RowCount, string? Text = null)
{
    /// <summary>A stretch of text.</summary>
    public static LayoutSpan OfText(string text) => new("text", 0, text ?? throw new ArgumentNullException(nameof(text)));

    /// <summary>Exactly one token, which a tokenizer might give in another form where the text stands alone.</summary>
    public static LayoutSpan OfToken(string text) => new(TokenKind, 0, text ?? throw new ArgumentNullException(nameof(text)));

    /// <summary>Whether it is exactly one token.</summary>
    public bool IsToken => Kind is TokenKind or MemoryKind;

    /// <summary>Rows of the memory that the token brings into sight, for language models whose layers look at pictures beside their
    /// tokens; 0 for none.</summary>
    public int MemoryTokenCount { get; private init; }

    /// <summary>Whether it is left out where the same token ends what stands for the picture before it.</summary>
    internal bool IsSharedByNeighbours { get; init; }

    /// <summary>All rows of that memory, padding included.</summary>
    internal int MemoryRowCount { get; private init; }

    /// <summary>A token that brings a picture's memory into sight.</summary>
    /// <param name="text">The token; empty where the picture is in sight without one (BLIP).</param>
    /// <param name="seenRows">Rows of the memory that stand for the picture.</param>
    /// <param name="rows">Rows that the encoder makes, padding included.</param>
    internal static LayoutSpan OfMemory(string text, int seenRows, int rows) =>
        new(MemoryKind, 0, text) { MemoryTokenCount = seenRows, MemoryRowCount = rows };

    /// <summary>Where its rows stand, counted from the first; null for one after another.</summary>
    internal IReadOnlyList<int>? PositionOffsets { get; init; }

    /// <summary>The last rows, which a language model with weights of their own for pictures reads as text.</summary>
    internal int TextTail { get; init; }

    private const string TokenKind = "token",
        MemoryKind = "memory";
}

/// <summary>What the caller wants of a plan.</summary>
public sealed record PlanRequest
{
    /// <summary>One picture without limits.</summary>
    public static PlanRequest Default { get; } = new();

    /// <summary>Pictures in the same prompt; some families do not slice when there are several.</summary>
    public int ImageCount { get; init; } = 1;

    /// <summary>Which of them this is, from 0.</summary>
    public int ImageIndex { get; init; }

    /// <summary>The most slices, overview included; null for the family's own limit.</summary>
    public int? MaxSlices { get; init; }

    /// <summary>The most embeddings for the picture; null for no limit.</summary>
    public int? MaxImageTokens { get; init; }

    /// <summary>What is asked about the picture, which some families' vision side reads with it (InstructBLIP); null for the text of the
    /// message that the picture is in.</summary>
    public string? Instruction { get; init; }

    /// <summary>Checks the values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value cannot be; the message names it and its range.</exception>
    internal void Check()
    {
        Require(ImageCount, nameof(ImageCount), 1);
        Require(ImageIndex, nameof(ImageIndex), 0);
        Require(MaxSlices ?? 1, nameof(MaxSlices), 1);
        Require(MaxImageTokens ?? 1, nameof(MaxImageTokens), 1);
    }

    private static void Require(int value, string name, int least)
    {
        if (value < least)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {least}.");
    }

    /// <summary>Whether a plan of so many slices and embeddings is within the limits.</summary>
    internal bool Allows(int sliceCount, int tokenCount) =>
        sliceCount <= (MaxSlices ?? int.MaxValue) && tokenCount <= (MaxImageTokens ?? int.MaxValue);
}

/// <summary>How a picture is cut for a vision model: pure arithmetic on its size, made before any pixel is touched.</summary>
public sealed record SlicePlan
{
    // Below this height in the tower's pixels, printed letters merge into each other.
    private const double ReadableTextHeight = 10;

    /// <summary>Size of the original picture, or of a video's first frame, upright.</summary>
    public required PixelSize Image { get; init; }

    /// <summary>Frames of a video; 0 for a picture.</summary>
    public int FrameCount { get; init; }

    /// <summary>Columns of the grid; 1 where nothing is cut.</summary>
    public int Columns { get; init; } = 1;

    /// <summary>Rows of the grid; 1 where nothing is cut.</summary>
    public int Rows { get; init; } = 1;

    /// <summary>Size to which the picture is brought before it is cut, padding included.</summary>
    public required PixelSize Refined { get; init; }

    /// <summary>The slices in the order in which they are encoded.</summary>
    public required IReadOnlyList<Slice> Slices { get; init; }

    /// <summary>What stands for the picture in the prompt, in order.</summary>
    public required IReadOnlyList<LayoutSpan> Layout { get; init; }

    /// <summary>What the vision side reads with the picture; null where the family reads nothing.</summary>
    public string? Instruction { get; init; }

    /// <summary>Slices that the family would have made without the caller's limits.</summary>
    public int UnlimitedSliceCount { get; init; }

    /// <summary>Embeddings that there would have been without the caller's limits.</summary>
    public int UnlimitedTokenCount
    {
        get => Math.Max(field, ImageTokenCount);
        init;
    }

    /// <summary>Whether the caller's limits made it coarser.</summary>
    public bool IsLimited => UnlimitedSliceCount > Slices.Count || UnlimitedTokenCount > ImageTokenCount;

    /// <summary>Embeddings that enter the language model for the whole picture.</summary>
    public int ImageTokenCount => Layout.Sum(static span => span.RowCount);

    /// <summary>Rows of the memory that the language model's layers look at beside its tokens; 0 where pictures are rows of the
    /// prompt.</summary>
    public int MemoryTokenCount => Layout.Sum(static span => span.MemoryTokenCount);

    /// <summary>All rows of the memory, padding included.</summary>
    internal int MemoryRowCount => Layout.Sum(static span => span.MemoryRowCount);

    /// <summary>The tower's pixels for each pixel of the original, in the finest slice.</summary>
    public double Scale =>
        Slices.Max(static slice => Math.Min(slice.Size.Width / slice.Source.Width, slice.Size.Height / slice.Source.Height));

    /// <summary>Height in pixels of the original below which printed text will not be readable, estimated from the scale.</summary>
    public int SmallestReadableText => (int)Math.Min(int.MaxValue, Math.Ceiling(ReadableTextHeight / Scale));
}
