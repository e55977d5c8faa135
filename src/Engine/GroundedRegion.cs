namespace Tessera;

/// <summary>What an answer names in a picture.</summary>
public enum RegionKind
{
    /// <summary>A rectangle.</summary>
    Box,

    /// <summary>A single place; its edges coincide.</summary>
    Point,
}

/// <summary>A place in a picture that an answer names, in pixels of the original, upright; never outside of it.</summary>
/// <param name="Kind">Whether it is a box or a point.</param>
/// <param name="Label">The words that it stands behind, as the answer has them; may be empty.</param>
/// <param name="ImageIndex">Which of the prompt's pictures and videos it is in, from 0: answers do not say, so it is the last.</param>
/// <param name="Left">Left edge.</param>
/// <param name="Top">Upper edge.</param>
/// <param name="Right">Right edge.</param>
/// <param name="Bottom">Lower edge.</param>
public sealed record GroundedRegion(RegionKind Kind, string Label, int ImageIndex, double Left, double Top, double Right, double Bottom);
