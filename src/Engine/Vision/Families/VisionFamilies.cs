using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Vision.Families.InternVl;
using Tessera.Vision.Families.Llava;
using Tessera.Vision.Families.LlavaNext;
using Tessera.Vision.Families.LlavaUhd;
using Tessera.Vision.Families.MiniCpmV;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families;

/// <summary>A vision family: how it is recognised, and how its parts are made from a file.</summary>
/// <param name="ProjectorTypes">Values of <c>clip.projector_type</c> that stand for it.</param>
/// <param name="Recognises">Tells it from others of the same projector type.</param>
/// <param name="NameOf">Name shown to users.</param>
/// <param name="Open">Reads the configuration and makes the image processor, before a weight is read.</param>
internal sealed record VisionFamily(
    IReadOnlyList<string> ProjectorTypes,
    Func<GgufFile, bool> Recognises,
    Func<GgufFile, string> NameOf,
    Func<GgufFile, Preprocessing, FamilyParts> Open
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
    /// <summary>
    /// Whether a language model whose positions have several axes (M-RoPE) gets a picture's rows where text would stand, one after another
    /// and the same on all axes.
    /// </summary>
    public bool RowsArePlacedAsText { get; init; }
}

/// <summary>The one table of families.</summary>
internal static class VisionFamilies
{
    private static readonly VisionFamily[] Table =
    [
        new(
            ["mlp", "mlp_norm"],
            LlavaNextConfig.Recognises,
            LlavaNextConfig.NameOf,
            static (file, preprocessing) =>
            {
                LlavaNextConfig config = LlavaNextConfig.Read(file);
                FamilyPrompt wording = config.PadsSeveralImages ? FamilyPrompt.Qwen : FamilyPrompt.Vicuna;
                return new FamilyParts(
                    new LlavaNextImageProcessor(config, preprocessing),
                    config.Connector.Outputs,
                    weights => new LlavaNextEncoder(config, preprocessing, weights),
                    wording
                );
            }
        ),
        new(
            ["mlp", "mlp_norm"],
            static _ => true,
            static _ => "LLaVA",
            static (file, preprocessing) =>
            {
                LlavaConfig config = LlavaConfig.Read(file);
                return new FamilyParts(
                    new LlavaImageProcessor(config, preprocessing),
                    config.Connector.Outputs,
                    weights => new LlavaEncoder(config, weights),
                    FamilyPrompt.Vicuna
                );
            }
        ),
        new(
            ["internvl"],
            static _ => true,
            static _ => "InternVL",
            static (file, _) =>
            {
                InternVlConfig config = InternVlConfig.Read(file);
                return new FamilyParts(
                    new InternVlImageProcessor(config),
                    config.Outputs,
                    weights => new InternVlEncoder(config, weights),
                    FamilyPrompt.InternVl
                );
            }
        ),
        new(
            ["resampler"],
            static _ => true,
            MiniCpmVConfig.NameOf,
            static (file, _) =>
            {
                MiniCpmVConfig config = MiniCpmVConfig.Read(file);
                return new FamilyParts(
                    new MiniCpmVImageProcessor(config),
                    config.Resampler.Width,
                    weights => new MiniCpmVEncoder(config, weights),
                    config.Wording
                );
            }
        ),
        new(
            ["minicpmv4_6"],
            static _ => true,
            static _ => "MiniCPM-V 4.6",
            static (file, _) =>
            {
                MiniCpmV46Config config = MiniCpmV46Config.Read(file);
                return new FamilyParts(
                    new MiniCpmV46ImageProcessor(config),
                    config.Outputs,
                    weights => new MiniCpmV46Encoder(config, weights),
                    FamilyPrompt.MiniCpmQwen35
                )
                {
                    RowsArePlacedAsText = true,
                };
            }
        ),
        new(
            ["uhd_resampler"],
            static _ => true,
            static _ => "LLaVA-UHD",
            static (file, _) =>
            {
                LlavaUhdConfig config = LlavaUhdConfig.Read(file);
                return new FamilyParts(
                    new LlavaUhdImageProcessor(config),
                    config.Resampler.Width,
                    weights => new LlavaUhdEncoder(config, weights),
                    FamilyPrompt.Vicuna
                );
            }
        ),
    ];

    /// <summary>The family of a projector file.</summary>
    /// <exception cref="ModelFileException">It is no projector file, or of a type that is not supported.</exception>
    public static VisionFamily Find(GgufFile file)
    {
        RequireProjectorFile(file);
        string type = ProjectorType(file);
        return Table.FirstOrDefault(family => family.ProjectorTypes.Contains(type) && family.Recognises(file))
            ?? throw new ModelFileException(
                file.Path,
                $"clip.projector_type is '{type}', which is not supported; supported are "
                    + $"{string.Join(", ", Table.SelectMany(static family => family.ProjectorTypes).Distinct())}."
            );
    }

    private static void RequireProjectorFile(GgufFile file)
    {
        if (!file.Metadata.TryGetString("general.architecture", out string? architecture))
            throw new ModelFileException(file.Path, "general.architecture is missing, so it is no vision projector.");
        if (architecture != "clip")
            throw new ModelFileException(
                file.Path,
                $"it is a language model (general.architecture is '{architecture}'), not a vision projector: give it with -m and the "
                    + "projector with --mmproj."
            );
        if (file.Metadata.TryGetBoolean("clip.has_vision_encoder", out bool hasVision) && !hasVision)
            throw new ModelFileException(file.Path, "clip.has_vision_encoder is false, so it holds no vision tower.");
    }

    // Files before the key existed say it with a flag (ggml-org/llama.cpp, examples/llava/clip.cpp of 2023).
    private static string ProjectorType(GgufFile file)
    {
        if (
            file.Metadata.TryGetString("clip.projector_type", out string? type)
            || file.Metadata.TryGetString("clip.vision.projector_type", out type)
        )
            return type;
        if (file.Metadata.TryGetBoolean("clip.has_minicpmv_projector", out bool miniCpm) && miniCpm)
            return "resampler";
        if (file.Metadata.TryGetBoolean("clip.has_glm_projector", out bool glm) && glm)
            return "adapter";
        if (file.Metadata.TryGetBoolean("clip.has_llava_projector", out bool llava) && llava)
            return "mlp";
        if (file.TryGetTensor("mm.0.weight", out _))
            return "mlp";
        throw new ModelFileException(
            file.Path,
            "clip.projector_type is missing, and neither a flag nor a tensor tells what its projector is."
        );
    }
}
