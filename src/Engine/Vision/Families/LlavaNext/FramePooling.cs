using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.LlavaNext;

/// <summary>How the cells of a frame are put together.</summary>
internal enum PoolMode
{
    /// <summary>Their mean.</summary>
    Average,

    /// <summary>The largest value of each feature.</summary>
    Max,

    /// <summary>Bilinear resize to the side divided by the stride, rounded up.</summary>
    Bilinear,
}

/// <summary>Where newline embeddings stand in a video.</summary>
internal enum VideoNewline
{
    /// <summary>After each row of each frame.</summary>
    Grid,

    /// <summary>After each frame.</summary>
    Frame,

    /// <summary>One, behind the last frame.</summary>
    End,

    /// <summary>Nowhere.</summary>
    None,
}

/// <summary>
/// How frames become fewer embeddings. Source: LLaVA-VL/LLaVA-NeXT, llava/model/llava_arch.py, get_2dPool: before the connector in the
/// models of April 2024 (5c9dcb4), after it since c1b1f44.
/// </summary>
/// <param name="Mode">How cells are put together.</param>
/// <param name="Stride">Cells along a side that become one.</param>
/// <param name="IsBeforeConnector">Whether the tower's features are pooled; else the connector's rows.</param>
/// <param name="Newline">Where newlines stand.</param>
internal sealed record FramePooling(PoolMode Mode, int Stride, bool IsBeforeConnector, VideoNewline Newline)
{
    private const string Prefix = "clip.vision.mm_spatial_pool_";

    /// <summary>Whether a file says that it is for videos.</summary>
    public static bool IsTold(GgufFile file) => file.Metadata.ContainsKey(Prefix + "stride");

    /// <summary>Reads the keys, or takes what the family was released with.</summary>
    /// <param name="file">The projector.</param>
    /// <param name="side">Cells along a side of a frame.</param>
    /// <param name="isOneVision">Whether it is LLaVA-OneVision's, which pools bilinearly after the connector.</param>
    /// <param name="hasNewline">Whether the merge has a newline embedding.</param>
    /// <exception cref="ModelFileException">A value cannot be.</exception>
    public static FramePooling Read(GgufFile file, int side, bool isOneVision, bool hasNewline)
    {
        PoolMode mode = Choice(file, Prefix + "mode", isOneVision ? "bilinear" : "average") switch
        {
            "average" => PoolMode.Average,
            "max" => PoolMode.Max,
            "bilinear" => PoolMode.Bilinear,
            string other => throw Unknown(file, Prefix + "mode", other, "average, max and bilinear"),
        };
        bool isBefore = Choice(file, Prefix + "position", isOneVision ? "post_projector" : "pre_projector") switch
        {
            "pre_projector" => true,
            "post_projector" => false,
            string other => throw Unknown(file, Prefix + "position", other, "pre_projector and post_projector"),
        };
        VideoNewline newline = Choice(file, "clip.vision.mm_newline_position", "one_token") switch
        {
            "grid" => VideoNewline.Grid,
            "frame" => VideoNewline.Frame,
            "one_token" => VideoNewline.End,
            "no_token" => VideoNewline.None,
            string other => throw Unknown(file, "clip.vision.mm_newline_position", other, "grid, frame, one_token and no_token"),
        };
        uint stride = file.Metadata.TryGetUInt32(Prefix + "stride", out uint told) ? told : 2;
        return stride >= 1 && stride <= side
            ? new FramePooling(mode, (int)stride, isBefore, hasNewline ? newline : VideoNewline.None)
            : throw new ModelFileException(
                file.Path,
                $"{Prefix}stride is {stride}, not within 1 to {side}, the cells along a frame's side."
            );
    }

    /// <summary>Cells along a side of a pooled frame.</summary>
    public int PooledSide(int side) => Mode == PoolMode.Bilinear ? (side + Stride - 1) / Stride : side / Stride;

    /// <summary>A frame [width, side * side] -> [width, pooled * pooled].</summary>
    public FeatureMap Pool(float[] frame, int side, int width)
    {
        FeatureMap map = FeatureMap.FromTiles([frame], 1, side, width);
        int pooled = PooledSide(side);
        return Mode switch
        {
            PoolMode.Average => map.PoolAverage(Stride),
            PoolMode.Max => map.PoolMax(Stride),
            _ => map.ResizeBilinear(pooled, pooled),
        };
    }

    private static string Choice(GgufFile file, string key, string released) =>
        file.Metadata.TryGetString(key, out string? told) ? told : released;

    private static ModelFileException Unknown(GgufFile file, string key, string value, string known) =>
        new(file.Path, $"{key} is '{value}', which is not supported; known are {known}.");
}
