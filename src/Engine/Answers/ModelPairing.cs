using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Llama;

namespace Tessera.Answers;

/// <summary>Whether a projector and a language model belong together, as far as their files tell.</summary>
internal static class ModelPairing
{
    // An encoder's prompt is not what a projector for others was trained with, nor are weights that read pictures alone.
    private const string WithEncoder = "t5";
    private static readonly string[] WithVisionWeights = ["cogvlm", "mplug_owl2"];

    /// <summary>Looks at the files, before gigabytes of them are read.</summary>
    /// <exception cref="ModelFileException">They do not belong together.</exception>
    public static void RequireKind(LanguageModelFile file, VisionModel? vision)
    {
        if (vision is null)
            return;
        string path = file.Parts[0].Path,
            architecture = file.Parts[0].Metadata.RequireString("general.architecture");
        IReadOnlyList<string>? languages = vision.Projector.Languages;
        if (languages?.Contains(architecture) ?? (architecture != WithEncoder && !WithVisionWeights.Contains(architecture)))
        {
            CheckIsFor(vision, file.Parts[0], architecture);
            return;
        }

        if (languages is [])
            throw new ModelFileException(
                vision.Path,
                $"it tells how well texts match pictures ({vision.Family}), and no language model belongs to it."
            );
        throw new ModelFileException(
            vision.Path,
            languages is null
                ? $"it is a projector of {vision.Family}, which was made for language models without "
                    + (architecture == WithEncoder ? "an encoder" : "weights of their own for pictures")
                    + $", but {path} is of the architecture {architecture}: the two files do not belong together."
                : $"it was made for a language model of the architecture {string.Join(" or ", languages)}, but {path} is of "
                    + $"{architecture}: the two files do not belong together."
        );
    }

    /// <summary>Looks at both once they are loaded.</summary>
    /// <exception cref="ModelFileException">They do not belong together.</exception>
    public static void Require(ILanguageModel language, VisionModel? vision)
    {
        if (vision is { Projector.MemoryWidth: > 0 } && language.Memory is null)
            throw new ModelFileException(
                vision.Path,
                $"its pictures are seen by cross-attention layers, which {language.Path} has not: the two files do not belong together."
            );
        if (vision is { Projector.MemoryWidth: var width } && language.Memory is { } memory && width != memory.Width)
            throw new ModelFileException(
                vision.Path,
                width == 0
                    ? $"its pictures are rows of the prompt, but {language.Path} looks at them with cross-attention layers: the two files "
                        + "do not belong together."
                    : $"its memory is {width} wide, but {language.Path} looks at one that is {memory.Width} wide: the two files do not "
                        + "belong together."
            );
        if (vision is { Projector.RowsSharePositions: true } && !language.PlacesRowsFreely)
            throw new ModelFileException(
                language.Path,
                $"its rows stand one after another, but several of {vision.Family}'s share a position: a language model converted together "
                    + "with the projector can do that."
            );
        if (vision is { Projector: { RowsArePlacedAsText: false, RowsSharePositions: false } } && language.HasSeveralAxes)
            throw new ModelFileException(
                language.Path,
                $"its positions have several axes (M-RoPE), which {vision.Family} was not made for: load it without a projector."
            );
        if (vision is not null && vision.Projector.BesideWidth != language.BesideWidth)
            throw new ModelFileException(
                vision.Path,
                $"it brings {vision.Projector.BesideWidth} numbers beside each embedding of a picture, but {language.Path} looks at "
                    + $"{language.BesideWidth}: the two files do not belong together."
            );
        if (vision is not null && vision.EmbeddingWidth != language.EmbeddingWidth)
            throw new ModelFileException(
                vision.Path,
                $"its embeddings are {vision.EmbeddingWidth} wide, but those of {language.Path} are {language.EmbeddingWidth}: the two "
                    + "files do not belong together."
            );
    }

    private static void CheckIsFor(VisionModel vision, GgufFile language, string architecture)
    {
        if (!vision.Projector.IsFor(language))
            throw new ModelFileException(
                vision.Path,
                $"it was made for another language model of the architecture {architecture} than {language.Path}: the two files do not "
                    + "belong together."
            );
    }
}
