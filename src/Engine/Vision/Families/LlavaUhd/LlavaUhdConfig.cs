using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.LlavaUhd;

/// <summary>
/// LLaVA-UHD (arXiv 2403.11703): a CLIP tower whose positions are resized to each slice, and a perceiver resampler that makes 64 rows of
/// every slice. Three programs carry the name (thunlp/LLaVA-UHD). Taken here: partition, slice sizes, CLIP's normalisation, separators and
/// order of the branch LLaVA-UHD-v1; the paper's plain resampler, as in llava_uhd/resampler.py, with queries of any square number (64,
/// 144); not the branch's regions of interest, nor its evaluation script's resize of every picture to 1024 pixels. No published GGUF
/// exists; keys are in docs/gguf.md.
/// </summary>
internal sealed record LlavaUhdConfig
{
    private const string OverviewFirstKey = "clip.vision.uhd.overview_first";
    private const string RegionsKey = "clip.vision.uhd.spatial_rois";

    // arXiv 2403.11703, section 4.1: at most six slices.
    private const int DefaultMaxTiles = 6;

    public required VisionTransformerConfig Tower { get; init; }

    public required PerceiverResamplerConfig Resampler { get; init; }

    public required int MaxTiles { get; init; }

    /// <summary>Whether the overview stands before the tiles and not after them.</summary>
    public required bool OverviewFirst { get; init; }

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static LlavaUhdConfig Read(GgufFile file)
    {
        if (file.Metadata.TryGetBoolean(RegionsKey, out bool regions) && regions)
            throw new ModelFileException(file.Path, $"{RegionsKey} is true: queries that each see one region only are not supported.");
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file);
        return new LlavaUhdConfig
        {
            Tower = tower,
            Resampler = PerceiverResamplerConfig.Read(file, tower.HiddenSize, queriesHavePositions: true),
            MaxTiles = SlicedImages.ReadMaxTiles(file, DefaultMaxTiles),
            OverviewFirst = file.Metadata.TryGetBoolean(OverviewFirstKey, out bool first) && first,
        };
    }
}
