using Tessera.Vision.Families.LlavaNext;
using Tessera.Vision.Parts;

namespace Tessera.Engine.Tests.Models;

/// <summary>The published sizes of LLaVA-NeXT ("next"), LLaVA-OneVision ("onevision") and LLaVA-1.5-HD ("hd").</summary>
internal static class TiledLlavas
{
    private static readonly PixelSize[] NextCanvases = [new(336, 672), new(672, 336), new(672, 672), new(1008, 336), new(336, 1008)];
    private static readonly PixelSize[] OneVisionCanvases =
    [
        .. from i in Enumerable.Range(1, 6) from j in Enumerable.Range(1, 6) select new PixelSize(384 * i, 384 * j),
    ];
    private static readonly PixelSize[] HdCanvases =
    [
        .. from i in Enumerable.Range(1, 6) from j in Enumerable.Range(1, 6) where i * j <= 6 select new PixelSize(224 * i, 224 * j),
    ];

    public static LlavaNextImageProcessor Processor(string family, Preprocessing preprocessing = Preprocessing.Original) =>
        new(Config(family), preprocessing);

    public static LlavaNextConfig Config(string family) =>
        new()
        {
            Tower = Tower(
                family switch
                {
                    "next" => 336,
                    "hd" => 224,
                    _ => 384,
                }
            ),
            Connector = new MlpConnectorConfig(1024, 4096, 4096, MlpKind.TwoLayers),
            Canvases = family switch
            {
                "next" => NextCanvases,
                "hd" => HdCanvases,
                _ => OneVisionCanvases,
            },
            Merge = PatchMerge.SpatialUnpad,
            Unpad = family == "hd" ? UnpadRule.Exclusive : UnpadRule.Floor,
            MaxMapTiles = family == "onevision" ? 9 : null,
            NewlineOnOverview = false,
            NewlineTensor = "model.image_newline",
            Video = new FramePooling(PoolMode.Average, 2, IsBeforeConnector: true, VideoNewline.None),
        };

    private static VisionTransformerConfig Tower(int imageSize) =>
        new()
        {
            ImageSize = imageSize,
            PatchSize = 14,
            HiddenSize = 1024,
            FeedForwardSize = 4096,
            HeadCount = 16,
            BlockCount = 23,
            NormEpsilon = 1e-5f,
            Activation = Activation.QuickGelu,
            HasClassToken = true,
            HasPreNorm = true,
            ImageMean = [0.5f, 0.5f, 0.5f],
            ImageDeviation = [0.5f, 0.5f, 0.5f],
        };
}
