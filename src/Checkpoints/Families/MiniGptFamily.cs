using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// MiniGPT-4 and MiniGPT-v2: a Llama's checkpoint with the authors' files beside it (<see cref="LavisPieces"/>). Source:
/// Vision-CAIR/MiniGPT-4, minigpt4/models. Keys: docs/gguf.md.
/// </summary>
internal sealed class MiniGptFamily(IReadOnlyCollection<string> names) : CheckpointFamily
{
    // minigpt4/configs/models/minigpt_v2.yaml: lora_alpha; the picture is twice as large as the tower's own.
    private const float AdapterAlpha = 16;
    private const int Version2Scale = 2;
    private const string LoraDown = ".lora_A",
        LoraUp = ".lora_B";
    private readonly bool isVersion2 = names.Any(static name => name.Contains(LoraDown + ".", StringComparison.Ordinal));

    public override string Name => isVersion2 ? "MiniGPT-v2" : "MiniGPT-4";

    // Its prompts are its own, whatever template the language model brought.
    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) => LavisPieces.ProjectionOf(config) == LavisPieces.MiniGptProjection;

    public override Settings LanguageConfig(Settings config) => config;

    public override (Side Side, string Name) Place(string name)
    {
        if (!name.TryAfter(LavisPieces.Prefix, out string own))
            return (Side.Language, name);
        if (own.TryAfter("llama_model.", out string adapter))
            return AdapterName(adapter) is string module ? (Side.Adapter, module) : (Side.Ignored, name);
        if (own.StartsWith(LavisPieces.MiniGptProjection + ".", StringComparison.Ordinal))
            return (Side.Vision, own);
        // Heads, BLIP-2's own projection, an optimizer's state.
        return LavisNames.TryPlace(own, readsText: false, out string placed) ? (Side.Vision, placed) : (Side.Ignored, name);
    }

    public override TensorValues Adapt(string name, StoredTensor tensor, IReadOnlyDictionary<string, StoredTensor> adapters)
    {
        string module = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;
        if (!adapters.TryGetValue(module + LoraDown, out StoredTensor? down))
            return TensorValues.Of(tensor);
        StoredTensor up = adapters.GetValueOrDefault(module + LoraUp) ?? throw down.Fail("has no counterpart lora_B.");
        bool fits =
            tensor.Shape.Length == 2
            && down.Shape.Length == 2
            && up.Shape.Length == 2
            && down.Shape[1] == tensor.Shape[1]
            && up.Shape[0] == tensor.Shape[0]
            && up.Shape[1] == down.Shape[0]
            && down.Shape[0] > 0;
        return fits
            ? new AdaptedValues(TensorValues.Of(tensor), TensorValues.Of(down), TensorValues.Of(up), AdapterAlpha / down.Shape[0])
            : throw down.Fail($"does not fit tensor '{tensor.Name}', which it adapts: the language model is another.");
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        StoredTensor projection = source.Require("llama_proj.weight");
        var vision = new LavisVision(source, scale: isVersion2 ? Version2Scale : 1);
        long inputs = projection.Shape[^1];
        bool hasFormer = inputs != 4 * vision.Tower.Width;
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "minigpt4");
        vision.Tower.SetKeys(metadata);
        metadata.Set(
            "clip.minigpt.wording",
            isVersion2 ? "v2"
                : hasFormer ? "vicuna"
                : "llama2"
        );
        List<TensorRule> rules = [.. vision.Tower.Rules(), new TensorRule("llama_proj", "mm.0", "HM")];
        List<(char, long)> letters = [.. vision.Tower.Letters, ('H', source.LanguageWidth), ('M', inputs)];
        if (hasFormer)
        {
            QFormerPart former = vision.Former("Q-Former (blip2_pretrained_flant5xxl.pth)", readsText: false);
            former.SetKeys(metadata);
            rules.AddRange(former.Rules());
            letters.AddRange(former.Letters);
        }

        return new VisionModel(metadata, rules, new Dimensions([.. letters]), vision.Tower.BlockCount)
        {
            Tensors = new Dictionary<string, StoredTensor>(
                vision.Tensors.Where(pair => hasFormer || !LavisNames.IsFormers(pair.Key)),
                StringComparer.Ordinal
            ),
            Extra = [.. vision.Tower.Extra()],
        };
    }

    // "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight" -> "model.layers.0.self_attn.q_proj.lora_A".
    private static string? AdapterName(string name)
    {
        if (!name.TryAfter("base_model.model.", out string inner))
            return null;
        foreach (string kind in (ReadOnlySpan<string>)[LoraDown, LoraUp])
            if (inner.IndexOf(kind + ".", StringComparison.Ordinal) is > 0 and int end)
                return inner[..end] + kind;
        return null;
    }
}
