namespace Tessera.LLamaSharp;

/// <summary>How a projector is loaded beside LLamaSharp.</summary>
public sealed record VisionWeightsOptions
{
    /// <summary>Whose preprocessing to follow.</summary>
    public Preprocessing Preprocessing { get; init; }

    /// <summary>The type that the tower's matrices get in memory.</summary>
    public VisionType VisionType { get; init; }

    /// <summary>CPU threads; 0 leaves the choice to Tessera.</summary>
    public int ThreadCount { get; init; }

    /// <summary>Pictures with more pixels are refused before they are decoded.</summary>
    public long MaxPixels { get; init; } = ModelOptions.DefaultMaxPixels;
}
