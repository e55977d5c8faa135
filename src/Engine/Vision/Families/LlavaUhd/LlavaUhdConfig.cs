using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.LlavaUhd;

/// <summary>
/// LLaVA-UHD (arXiv 2403.11703): a CLIP tower whose positions are resized to each slice, and a perceiver resampler that makes equally many
/// rows of every slice, 64 or 144. Three programs carry the name (thunlp/LLaVA-UHD). Taken here: partition, slice sizes, CLIP's
/// normalisation, separators and order of the branch LLaVA-UHD-v1; the paper's plain resampler, as in llava_uhd/resampler.py, or the
/// branch's, whose queries each see one region; the resize of every picture to 1024 pixels where the file says so. No published GGUF
/// exists; keys are in docs/gguf.md.
/// </summary>
internal sealed record LlavaUhdConfig
{
    private const string OverviewFirstKey = "clip.vision.uhd.overview_first";
    private const string RegionsKey = "clip.vision.uhd.spatial_rois";
    private const string LongestSideKey = "clip.vision.uhd.longest_side";
    private const int MaxLongestSide = 8192;

    // arXiv 2403.11703, section 4.1: at most six slices.
    private const int DefaultMaxTiles = 6;

    public required VisionTransformerConfig Tower { get; init; }

    public required PerceiverResamplerConfig Resampler { get; init; }

    public required int MaxTiles { get; init; }

    /// <summary>Whether the overview stands before the tiles and not after them.</summary>
    public required bool OverviewFirst { get; init; }

    /// <summary>Whether each query sees one region of a slice only.</summary>
    public required bool HasRegions { get; init; }

    /// <summary>What the longer side of a picture is brought to before it is cut; 0 where it stays.</summary>
    public required int LongestSide { get; init; }

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static LlavaUhdConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file);
        return new LlavaUhdConfig
        {
            Tower = tower,
            Resampler = PerceiverResamplerConfig.Read(file, tower.HiddenSize, queriesHavePositions: true),
            MaxTiles = SlicedImages.ReadMaxTiles(file, DefaultMaxTiles),
            HasRegions = file.Metadata.TryGetBoolean(RegionsKey, out bool regions) && regions,
            LongestSide = ReadLongestSide(file),
            OverviewFirst = file.Metadata.TryGetBoolean(OverviewFirstKey, out bool first) && first,
        };
    }

    private static int ReadLongestSide(GgufFile file)
    {
        if (!file.Metadata.TryGetUInt32(LongestSideKey, out uint side))
            return 0;
        return side is > 0 and <= MaxLongestSide
            ? (int)side
            : throw new ModelFileException(file.Path, $"{LongestSideKey} is {side}, not within 1 to {MaxLongestSide}.");
    }
}
