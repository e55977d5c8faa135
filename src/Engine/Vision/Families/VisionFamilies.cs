using Tessera.Gguf;
using Tessera.Vision.Families.Blip;
using Tessera.Vision.Families.Blip2;
using Tessera.Vision.Families.Cambrian;
using Tessera.Vision.Families.CogVlm;
using Tessera.Vision.Families.Flamingo;
using Tessera.Vision.Families.Glm4v;
using Tessera.Vision.Families.Idefics;
using Tessera.Vision.Families.InstructBlip;
using Tessera.Vision.Families.InternVl;
using Tessera.Vision.Families.InternVl1;
using Tessera.Vision.Families.Llava;
using Tessera.Vision.Families.LlavaNext;
using Tessera.Vision.Families.LlavaUhd;
using Tessera.Vision.Families.MiniCpmV;
using Tessera.Vision.Families.MiniGpt;
using Tessera.Vision.Families.Mllama;
using Tessera.Vision.Families.MplugOwl;
using Tessera.Vision.Families.Vila;

namespace Tessera.Vision.Families;

/// <summary>The one table of families.</summary>
internal static class VisionFamilies
{
    private static readonly VisionFamily[] Table =
    [
        LlavaNextFamily.Row,
        LlavaFamily.Row,
        InternVlFamily.Row,
        InternVl1Family.Row,
        VilaFamily.Row,
        MiniCpmVFamily.Row,
        MiniCpmV46Family.Row,
        LlavaUhdFamily.Row,
        Glm4vFamily.Row,
        CogVlmFamily.Row,
        MplugOwlFamily.Row,
        MplugOwlFamily.SecondRow,
        CambrianFamily.Row,
        BlipFamily.Row,
        Blip2Family.Row,
        InstructBlipFamily.Row,
        MllamaFamily.Row,
        MiniGptFamily.Row,
        IdeficsFamily.Row,
        FlamingoFamily.Row,
    ];

    /// <summary>The families.</summary>
    public static IReadOnlyList<VisionFamily> All => Table;

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

    /// <summary>Whether a language model's file holds its vision tower too, as Ollama's release of Llama 3.2 Vision does.</summary>
    public static bool IsInLanguageModel(GgufFile file) =>
        file.Metadata.TryGetString("general.architecture", out string? architecture) && architecture == "mllama" && MllamaConfig.IsIn(file);

    private static void RequireProjectorFile(GgufFile file)
    {
        if (!file.Metadata.TryGetString("general.architecture", out string? architecture))
            throw new ModelFileException(file.Path, "general.architecture is missing, so it is no vision projector.");
        if (architecture != "clip" && !IsInLanguageModel(file))
            throw new ModelFileRoleException(file.Path, architecture, isProjector: false);
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
        if (MllamaConfig.IsIn(file))
            return "mllama";
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
