using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>
/// MiniCPM-V 4.6: a SigLIP tower that sees slices in their own size, a merger of 2 x 2 patches between two of its blocks, and a second one
/// behind it, so that a slice becomes more tokens the larger it is. Source: huggingface/transformers v5.12, models/minicpmv4_6. Files as
/// ggml-org/llama.cpp v0.5.0 converts them (conversion/minicpm.py, MiniCPMV4_6VisionModel).
/// </summary>
internal sealed record MiniCpmV46Config
{
    /// <summary>Patches along the side of the squares that the two mergers make one of.</summary>
    public const int Window = 2;

    // transformers rounds slices to squares of 4 x 4 patches in both modes.
    private const int MergedPatches = Window * Window;
    private const int DefaultMaxTiles = 9;
    private const int DefaultMergingBlock = 6;
    private const string FactorKey = "clip.vision.projector.scale_factor";
    private const string BlockKey = "clip.vision.wa_layer_indexes";

    public required VisionTransformerConfig Tower { get; init; }

    /// <summary>Side of the square table of positions.</summary>
    public required int PositionSide { get; init; }

    public required SliceRule Slices { get; init; }

    /// <summary>Index of the block behind which patches are merged; -1 where they are not ("4x").</summary>
    public required int MergingBlock { get; init; }

    /// <summary>Width inside the feed-forward network of the merger between blocks.</summary>
    public required int WindowInner { get; init; }

    /// <summary>Width inside the last merger.</summary>
    public required int Inner { get; init; }

    /// <summary>Width of the language model.</summary>
    public required int Outputs { get; init; }

    /// <summary>Channels of a square of 2 x 2 patches.</summary>
    public int WindowWidth => Tower.HiddenSize * Window * Window;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static MiniCpmV46Config Read(GgufFile file)
    {
        (VisionTransformerConfig tower, int side) = MiniCpmVPositions.ReadTower(file);
        int windowWidth = tower.HiddenSize * Window * Window;
        int block = MergesInside(file) ? ReadMergingBlock(file, tower.BlockCount) : -1;
        int inner = MlpConnectorConfig.OutputCount(file, "mm.up.weight", windowWidth);
        return new MiniCpmV46Config
        {
            Tower = tower,
            PositionSide = side,
            Slices = new SliceRule(
                tower.ImageSize,
                tower.PatchSize,
                SlicedImages.ReadMaxTiles(file, DefaultMaxTiles),
                DivideRule.Round,
                MergedPatches
            ),
            MergingBlock = block,
            WindowInner = block < 0 ? 0 : MlpConnectorConfig.OutputCount(file, "v.vit_merger.ds_ffn_up.weight", windowWidth),
            Inner = inner,
            Outputs = MlpConnectorConfig.OutputCount(file, "mm.down.weight", inner),
        };
    }

    /// <summary>Rows that a slice becomes.</summary>
    public int TokensOf(PixelSize slice)
    {
        int step = Tower.PatchSize * (MergingBlock < 0 ? Window : Window * Window);
        return slice.Width / step * (slice.Height / step);
    }

    // 4: "16x" of transformers, both mergers; 2: "4x", only the last.
    private static bool MergesInside(GgufFile file)
    {
        if (!file.Metadata.TryGetUInt32(FactorKey, out uint factor))
            return true;
        return factor is 2 or 4
            ? factor == 4
            : throw new ModelFileException(file.Path, $"{FactorKey} is {factor}; MiniCPM-V 4.6 merges 2 or 4 patches along each side.");
    }

    private static int ReadMergingBlock(GgufFile file, int blockCount)
    {
        int[] indexes = file.Metadata.ContainsKey(BlockKey) ? file.Metadata.RequireInt32Array(BlockKey) : [DefaultMergingBlock];
        return indexes.Length == 1 && indexes[0] >= 0 && indexes[0] < blockCount
            ? indexes[0]
            : throw new ModelFileException(
                file.Path,
                $"{BlockKey} must be one of the tower's blocks, 0 to {blockCount - 1}, behind which patches are merged, and is "
                    + $"{string.Join(", ", indexes.Take(8))}."
            );
    }
}
