using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families;

/// <summary>A vision family: how it is recognised, and how its parts are made from a file.</summary>
/// <param name="ProjectorTypes">Values of <c>clip.projector_type</c> that stand for it.</param>
/// <param name="Recognises">Tells it from others of the same projector type.</param>
/// <param name="NameOf">Name shown to users.</param>
/// <param name="Open">Reads the configuration and makes the image processor, before a weight is read.</param>
/// <param name="Shape">A released model's projector, for files with random weights.</param>
internal sealed record VisionFamily(
    IReadOnlyList<string> ProjectorTypes,
    Func<GgufFile, bool> Recognises,
    Func<GgufFile, string> NameOf,
    Func<GgufFile, Preprocessing, FamilyParts> Open,
    ProjectorShape Shape
);

/// <summary>The parts of a family for one file.</summary>
/// <param name="Processor">Cuts and normalises pictures.</param>
/// <param name="EmbeddingWidth">Width that the language model must have.</param>
/// <param name="CreateEncoder">Declares the weights.</param>
/// <param name="Wording">What stands around pictures in a prompt.</param>
internal sealed record FamilyParts(
    IImageProcessor Processor,
    int EmbeddingWidth,
    Func<WeightStore, IVisionEncoder> CreateEncoder,
    FamilyPrompt Wording
)
{
    /// <summary>Width of a row of what cross-attention layers of the language model look at; 0 where pictures are rows of the
    /// prompt.</summary>
    public int MemoryWidth { get; init; }

    /// <summary>Numbers that stand beside each embedding, which layers of the language model look at for it alone (Cambrian-1); 0 for
    /// none.</summary>
    public int BesideWidth { get; init; }

    /// <summary>
    /// Whether a language model whose positions have several axes (M-RoPE) gets a picture's rows where text would stand, one after another
    /// and the same on all axes.
    /// </summary>
    public bool RowsArePlacedAsText { get; init; }

    /// <summary>Whether several of a picture's rows stand at one position, which only some language models can do.</summary>
    public bool RowsSharePositions { get; init; }

    /// <summary>Whether the start token stands behind the pictures that a prompt begins with (BLIP-2).</summary>
    public bool StartsBehindRows { get; init; }

    /// <summary>Width of the vectors by which pictures and texts are compared; 0 where the family does not match them.</summary>
    public int VectorWidth { get; init; }

    /// <summary>Whether each question is answered by itself, about the latest picture, whatever was said before (BLIP).</summary>
    public bool AnswersAlone { get; init; }

    /// <summary>Whether the vision side reads what is asked, and the language model nothing of it (BLIP's question answering).</summary>
    public bool ReadsPrompt { get; init; }

    /// <summary>Whether a start token that the prompt's text itself begins with stands behind the one that is put before it
    /// (MiniGPT-v2).</summary>
    public bool KeepsStartText { get; init; }

    /// <summary>Architectures of the language models that it was made for, as <c>general.architecture</c> names them; null for any that
    /// only decodes.</summary>
    public IReadOnlyList<string>? Languages { get; init; }

    /// <summary>Whether it was made for a language model, by its file, of those architectures; null where these tell enough.</summary>
    public Func<GgufFile, bool>? IsFor { get; init; }

    /// <summary>How answers write places in the picture; null where the family's do not.</summary>
    public RegionNotation? Regions { get; init; }

    /// <summary>By how much the positions of a language model of 4096 are stretched for a video of so many frames; null for
    /// never.</summary>
    public Func<int, int>? PositionFactor { get; init; }
}
