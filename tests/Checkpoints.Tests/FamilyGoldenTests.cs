using System.Runtime.InteropServices;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>
/// The models of the families' goldens, as checkpoints of released layouts, become files with the weights and the vocabulary of the
/// goldens' own, which the engine's tests compare with the reference stage by stage.
/// </summary>
public sealed class FamilyGoldenTests
{
    private static readonly string[] VocabularyKeys =
    [
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.merges",
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
    ];

    // A golden's own ways, of older converters; what the engine does not read; heads where a checkpoint tells them by its width only, which
    // is a test's here.
    private static readonly string[] NotCompared =
    [
        "clip.has_text_encoder",
        "clip.use_gelu",
        "clip.vision.projection_dim",
        "clip.vision.block_count",
        "clip.vision.projector.head_count",
        "clip.vision.image_crop_resolution",
        "clip.vision.image_split_resolution",
        "clip.vision.mm_projector_type",
        "clip.vision.attention.head_count",
    ];

    [Theory]
    [InlineData("llava-1.5-hf", "llava/llava-1.5", "LLaVA")]
    [InlineData("llava-1", "llava/llava-1", "LLaVA")]
    [InlineData("llava-1.6-hf", "llava-next/llava-1.6", "LLaVA-NeXT")]
    [InlineData("llava-onevision-hf", "llava-next/llava-onevision", "LLaVA-OneVision")]
    [InlineData("llava-next-video-hf", "llava-next-video/llava-next-video", "LLaVA-NeXT-Video")]
    [InlineData("llava-next-video", "llava-next-video/llava-next-video-release", "LLaVA-NeXT-Video")]
    [InlineData("llava-onevision", "llava-next-video/llava-onevision-video", "LLaVA-OneVision")]
    [InlineData("llava-interleave-hf", "llava-next-video/llava-interleave", "LLaVA-NeXT-Interleave")]
    [InlineData("llava-interleave", "llava-next-video/llava-interleave", "LLaVA-NeXT-Interleave")]
    [InlineData("internvl-2.5-hf", "internvl/internvl-2.5", "InternVL")]
    [InlineData("internvl-1.5", "internvl/internvl-1.5", "InternVL")]
    [InlineData("vila-1.5-3b", "vila/vila-1.5-3b", "VILA 1.5")]
    [InlineData("vila-1.5-40b", "vila/vila-1.5-40b", "VILA 1.5")]
    [InlineData("nvila", "vila/nvila", "NVILA")]
    [InlineData("llava-v1.5", "llava/llava-1.5", "LLaVA")]
    [InlineData("llava-v1.6", "llava-next/llava-1.6", "LLaVA-NeXT")]
    [InlineData("llava-next-llama3", "llava-next/llava-next-llama3", "LLaVA-NeXT")]
    [InlineData("llava-next-qwen", "llava-next/llava-next-qwen", "LLaVA-NeXT")]
    [InlineData("llava-1-ends", "llava/llava-1-ends", "LLaVA")]
    [InlineData("llava-uhd", "llava-uhd/llava-uhd-release", "LLaVA-UHD")]
    [InlineData("minicpm-v-2.0", "minicpm-v/minicpm-v-2.0", "MiniCPM-V 2.0")]
    [InlineData("minicpm-llama3-v-2.5", "minicpm-v/minicpm-llama3-v-2.5", "MiniCPM-Llama3-V 2.5")]
    [InlineData("mplug-owl", "mplug-owl/mplug-owl", "mPLUG-Owl")]
    [InlineData("cambrian-8b", "cambrian/cambrian-8b", "Cambrian-1")]
    [InlineData("glm-4v", "glm-4v/glm-4v", "GLM-4V")]
    [InlineData("cogvlm", "cogvlm/cogvlm", "CogVLM")]
    [InlineData("cogvlm2", "cogvlm/cogvlm2", "CogVLM2")]
    [InlineData("mplug-owl2", "mplug-owl2/mplug-owl2", "mPLUG-Owl2")]
    [InlineData("instructblip-flan-t5", "instructblip/instructblip-flan-t5", "InstructBLIP")]
    [InlineData("instructblip-vicuna", "instructblip/instructblip-vicuna", "InstructBLIP")]
    [InlineData("minigpt4-vicuna", "minigpt/minigpt4-vicuna", "MiniGPT-4")]
    [InlineData("minigpt4-llama2", "minigpt/minigpt4-llama2", "MiniGPT-4")]
    [InlineData("minigpt-v2", "minigpt/minigpt-v2", "MiniGPT-v2")]
    [InlineData("blip2-flan-t5", "blip-2/blip2-flan-t5", "BLIP-2")]
    [InlineData("minicpm-v-4.6", "minicpm-v/minicpm-v-4.6", "MiniCPM-V 4.6")]
    [InlineData("idefics", "idefics/idefics", "IDEFICS")]
    [InlineData("blip-caption", "blip/blip-caption", "BLIP")]
    [InlineData("blip-caption-lavis", "blip/blip-caption", "BLIP")]
    [InlineData("blip-vqa", "blip/blip-vqa", "BLIP")]
    [InlineData("openflamingo-mpt", "openflamingo/openflamingo-mpt", "OpenFlamingo")]
    [InlineData("blip2-opt", "blip-2/blip2-opt", "BLIP-2")]
    [InlineData("llama-3.2-vision", "mllama/llama-3.2-vision", "Llama 3.2 Vision")]
    [InlineData("minicpm-v-2.6", "minicpm-v/minicpm-v-2.6", "MiniCPM-V 2.6")]
    public async Task A_checkpoint_becomes_the_goldens_files(string checkpoint, string golden, string family)
    {
        using var folder = new TemporaryFolder();
        using CheckpointConverter converter = CheckpointConverter.Open(
            Goldens.Folder(checkpoint),
            new ConversionOptions { OutputFolder = folder.Path }
        );
        await converter.ConvertAsync();
        Assert.Equal(family, converter.Family);
        string goldens = Engine.Tests.RepositoryRoot.Path(["tests", "goldens", .. golden.Split('/')]);
        using GgufFile projector = GgufFile.Open(converter.Projector!.Path),
            expectedProjector = GgufFile.Open(System.IO.Path.Combine(goldens, "mmproj-f16.gguf"));
        AssertTensors(expectedProjector, projector);
        AssertKeys(expectedProjector, projector, key => key.StartsWith("clip.", StringComparison.Ordinal) && !NotCompared.Contains(key));
        using GgufFile language = GgufFile.Open(converter.Model.Path),
            expectedLanguage = GgufFile.Open(System.IO.Path.Combine(LanguageFolder(goldens), "language-f16.gguf"));
        AssertTensors(expectedLanguage, language);
        AssertKeys(expectedLanguage, language, VocabularyKeys.Contains);
    }

    // LLaVA's code has two sizes for InternViT, by its name, which are too large for a golden.
    [Theory]
    [InlineData("internvl-1.0", "InternVL 1.0")]
    [InlineData("internvl-1.0-qllama", "InternVL 1.0 with QLLaMA")]
    public async Task InternVL_1_takes_its_tower_from_beside_it_and_its_size_from_the_towers_name(string checkpoint, string family)
    {
        using var folder = new TemporaryFolder();
        using CheckpointConverter converter = CheckpointConverter.Open(
            Goldens.Folder(checkpoint),
            new ConversionOptions { OutputFolder = folder.Path }
        );
        await converter.ConvertAsync();
        Assert.Equal(family, converter.Family);
        string golden = Engine.Tests.RepositoryRoot.Path("tests", "goldens", "internvl-1.0", checkpoint, "mmproj-f16.gguf");
        using GgufFile projector = GgufFile.Open(converter.Projector!.Path),
            expected = GgufFile.Open(golden);
        AssertTensors(expected, projector);
        AssertKeys(
            expected,
            projector,
            static key => key.StartsWith("clip.", StringComparison.Ordinal) && !NotCompared.Contains(key) && key != "clip.vision.image_size"
        );
        Assert.Equal(336u, projector.Metadata.RequireUInt32("clip.vision.image_size"));
    }

    // A case may share another's language model.
    private static string LanguageFolder(string golden) =>
        File.Exists(System.IO.Path.Combine(golden, "language-f16.gguf")) ? golden : golden + "-lite";

    private static void AssertKeys(GgufFile expected, GgufFile actual, Func<string, bool> isCompared)
    {
        SortedDictionary<string, string> wanted = Described.Keys(expected),
            given = Described.Keys(actual);
        Assert.Equal(
            wanted.Where(pair => isCompared(pair.Key)).Select(static pair => $"{pair.Key}: {pair.Value}"),
            wanted.Keys.Where(isCompared).Select(key => $"{key}: {given.GetValueOrDefault(key)}")
        );
    }

    private static void AssertTensors(GgufFile expected, GgufFile actual)
    {
        foreach (GgufTensor tensor in expected.Tensors)
        {
            string name = Name(expected, tensor.Name);
            if (name.StartsWith("resampler.pos_embed", StringComparison.Ordinal))
                continue;
            Assert.True(actual.TryGetTensor(name, out GgufTensor? found), $"{name} is missing");
            Assert.Equal(tensor.ElementCount, found!.ElementCount);
            float[] wanted = Values(expected, tensor),
                given = Values(actual, found);
            // Those that are computed, in the last place otherwise on other processors or in another order than torch's.
            bool isSame =
                name.EndsWith("ssm_a", StringComparison.Ordinal)
                    ? wanted.Zip(given).All(static pair => MathF.Abs(pair.First - pair.Second) <= 1e-6f * MathF.Abs(pair.First))
                : IsStretched(expected, name) ? wanted.Zip(given).All(static pair => MathF.Abs(pair.First - pair.Second) <= 5e-6f)
                : wanted.SequenceEqual(given);
            Assert.True(isSame, $"{name} has other values");
        }
    }

    // The positions of MiniGPT-v2 and of Cambrian's DINOv2 are brought to their pictures' sizes.
    private static bool IsStretched(GgufFile expected, string name) =>
        name == "v.2.position_embd.weight"
        || name == "v.position_embd.weight"
            && expected.Metadata.TryGetString("clip.minigpt.wording", out string? wording)
            && wording == "v2";

    // Older converters exchange the two, and name the newline otherwise.
    private static string Name(GgufFile expected, string name)
    {
        if (name == "model.image_newline")
            return "v.image_newline";
        bool swaps =
            name.Contains("ffn_")
            && name.StartsWith("v.", StringComparison.Ordinal)
            && expected.TryGetTensor("v.blk.0.ffn_down.weight", out GgufTensor? down)
            && expected.Metadata.TryGetUInt32("clip.vision.embedding_length", out uint width)
            && down.Shape[0] == width;
        return swaps
            ? name.Contains("ffn_up")
                ? name.Replace("ffn_up", "ffn_down")
                : name.Replace("ffn_down", "ffn_up")
            : name;
    }

    private static float[] Values(GgufFile file, GgufTensor tensor)
    {
        ReadOnlySpan<byte> bytes = file.GetTensorData(tensor, 0, (int)tensor.ByteLength);
        return tensor.Type == GgufTensorType.F32
            ? MemoryMarshal.Cast<byte, float>(bytes).ToArray()
            : Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(bytes).ToArray(), static value => (float)value);
    }
}
