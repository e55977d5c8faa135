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
using Tessera.Vision.Parts;

namespace Tessera.Synthetic;

/// <summary>Dimensions of a language model of the Llama architecture, or of a T5.</summary>
internal sealed record LanguageShape(int Width, int FeedForward, int Blocks, int Heads, int KeyHeads, int VocabularySize)
{
    /// <summary>lmsys/vicuna-7b-v1.5, config.json.</summary>
    public static LanguageShape Vicuna7B { get; } = new(4096, 11008, 32, 32, 32, 32064);

    /// <summary>lmsys/vicuna-13b-v1.5, config.json.</summary>
    public static LanguageShape Vicuna13B { get; } = new(5120, 13824, 40, 40, 40, 32064);

    /// <summary>princeton-nlp/Sheared-LLaMA-2.7B, config.json.</summary>
    public static LanguageShape ShearedLlama3B { get; } = new(2560, 6912, 32, 20, 20, 32000);

    /// <summary>TinyLlama/TinyLlama-1.1B-Chat-v1.0, config.json.</summary>
    public static LanguageShape TinyLlama { get; } = new(2048, 5632, 22, 32, 4, 32000);

    /// <summary>Qwen/Qwen2-7B, config.json, in the Llama architecture (without the biases of q, k and v).</summary>
    public static LanguageShape Qwen7B { get; } = new(3584, 18944, 28, 28, 4, 152064);

    /// <summary>The language model of openbmb/MiniCPM-V-4.6, config.json, in the Llama architecture (full attention in all
    /// blocks).</summary>
    public static LanguageShape Qwen1B { get; } = new(1024, 3584, 24, 8, 2, 248320);

    /// <summary>google/flan-t5-xl, config.json: 24 blocks in the encoder, and as many in the decoder.</summary>
    public static LanguageShape FlanT5Xl { get; } = new(2048, 5120, 24, 32, 32, 32128) { HasEncoder = true };

    /// <summary>google/flan-t5-large, config.json.</summary>
    public static LanguageShape FlanT5Large { get; } = new(1024, 2816, 24, 16, 16, 32128) { HasEncoder = true };

    /// <summary>Whether it is a T5, whose encoder has as many blocks as its decoder.</summary>
    public bool HasEncoder { get; init; }

    /// <summary>internlm/internlm2_5-7b, config.json, in the Llama architecture.</summary>
    public static LanguageShape InternLm7B { get; } = new(4096, 14336, 32, 32, 8, 92553);

    /// <summary>THUDM/glm-4v-9b, config.json.</summary>
    public static LanguageShape Glm9B { get; } = new(4096, 13696, 40, 32, 2, 151552) { PlacesRowsFreely = true };

    /// <summary>meta-llama/Llama-3.2-11B-Vision-Instruct, config.json.</summary>
    public static LanguageShape Mllama11B { get; } = new(4096, 14336, 40, 32, 8, 128256) { Crossed = [3, 8, 13, 18, 23, 28, 33, 38] };

    /// <summary>HuggingFaceM4/idefics-9b, config.json.</summary>
    public static LanguageShape Idefics9B { get; } = new(4096, 11008, 32, 32, 32, 32002) { CrossingInterval = 4, MemoryWidth = 1280 };

    /// <summary>THUDM/cogvlm2-llama3-chat-19B, config.json.</summary>
    public static LanguageShape CogVlm19B { get; } = new(4096, 14336, 32, 32, 8, 128256) { ForPictures = PictureWeights.Expert };

    /// <summary>MAGAer13/mplug-owl2-llama2-7b, config.json.</summary>
    public static LanguageShape MplugOwl7B { get; } = new(4096, 11008, 32, 32, 32, 32000) { ForPictures = PictureWeights.Adaptive };

    /// <summary>Which weights there are for pictures beside those for text.</summary>
    public PictureWeights ForPictures { get; init; }

    /// <summary>Its first five blocks, of which one looks at pictures.</summary>
    public static LanguageShape MllamaFirst5 { get; } = Mllama11B with { Blocks = 5, Crossed = [3] };

    /// <summary>nyu-visionx/cambrian-8b, config.json.</summary>
    public static LanguageShape Cambrian8B { get; } =
        new(4096, 14336, 32, 32, 8, 128256)
        {
            SamplerStride = 3,
            SamplerCount = 10,
            MemoryWidth = 1024,
        };

    /// <summary>Its first four blocks, with two layers of the aggregator.</summary>
    public static LanguageShape CambrianFirst4 { get; } = Cambrian8B with { Blocks = 4, SamplerCount = 2 };

    /// <summary>Behind every how many blocks a layer of the aggregator stands, in the architecture of Cambrian-1, and how many of
    /// them there are; 0 in others.</summary>
    public int SamplerStride { get; init; }

    /// <inheritdoc cref="SamplerStride"/>
    public int SamplerCount { get; init; }

    /// <summary>openflamingo/OpenFlamingo-9B-vitl-mpt7b: MPT-7B, a block that looks at pictures in front of every fourth.</summary>
    public static LanguageShape FlamingoMpt7B { get; } =
        new(4096, 16384, 32, 32, 32, 50280)
        {
            IsMpt = true,
            CrossingInterval = 4,
            MemoryWidth = 1024,
        };

    /// <summary>Whether it is an OpenFlamingo's MPT.</summary>
    public bool IsMpt { get; init; }

    /// <summary>Salesforce/blip-image-captioning-large, config.json.</summary>
    public static LanguageShape BlipLarge { get; } = new(768, 3072, 12, 12, 12, 30524) { IsBert = true, MemoryWidth = 1024 };

    /// <summary>Whether it is BLIP's decoder, a BERT.</summary>
    public bool IsBert { get; init; }

    /// <summary>In front of every how many blocks one looks at pictures, in the architecture of IDEFICS; 0 in others.</summary>
    public int CrossingInterval { get; init; }

    /// <summary>Width of what these look at.</summary>
    public int MemoryWidth { get; init; }

    /// <summary>Blocks that look at pictures, in the architecture of Llama 3.2 Vision; none in others.</summary>
    public IReadOnlyList<int> Crossed { get; init; } = [];

    /// <summary>Whether it is written as Qwen2-VL's, whose rows may share positions (docs/gguf.md).</summary>
    public bool PlacesRowsFreely { get; init; }
}

/// <summary>Weights that a language model has for pictures beside those for text.</summary>
internal enum PictureWeights
{
    None,

    /// <summary>All matrices of its blocks, in the architecture of CogVLM2.</summary>
    Expert,

    /// <summary>Norms, keys and values, in that of mPLUG-Owl2.</summary>
    Adaptive,
}

/// <summary>A model whose weights are random but whose shapes are a released model's.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Projector">The vision side.</param>
/// <param name="Language">The language side.</param>
internal sealed record SyntheticShape(string Name, ProjectorShape Projector, LanguageShape Language)
{
    public static IReadOnlyList<SyntheticShape> All { get; } =
    [
        new("llava-1.5-7b", LlavaShape.Released, LanguageShape.Vicuna7B),
        new("llava-1.5-1b", LlavaShape.Released, LanguageShape.TinyLlama),
        new("llava-next-7b", LlavaNextShape.Released, LanguageShape.Vicuna7B),
        new("llava-next-1b", LlavaNextShape.Released, LanguageShape.TinyLlama),
        new("llava-uhd-7b", LlavaUhdShape.Released, LanguageShape.Vicuna7B),
        new("minicpm-v-2.6", MiniCpmVShape.Released, LanguageShape.Qwen7B),
        new("minicpm-v-1b", MiniCpmVShape.Released, LanguageShape.TinyLlama),
        new("minicpm-v-4.6", MiniCpmV46Shape.Released, LanguageShape.Qwen1B),
        new("internvl2-8b", InternVlShape.Released, LanguageShape.InternLm7B),
        new("internvl2-1b", InternVlShape.Released, LanguageShape.TinyLlama),
        new("openflamingo-9b", FlamingoShape.Released, LanguageShape.FlamingoMpt7B),
        new("blip-caption-large", BlipShape.Released, LanguageShape.BlipLarge),
        new("internvl-14b-chat", InternVl1Shape.Released, LanguageShape.Vicuna13B),
        new("blip2-flan-t5-xl", Blip2Shape.Released, LanguageShape.FlanT5Xl),
        new("blip2-flan-t5-large", Blip2Shape.Released, LanguageShape.FlanT5Large),
        new("instructblip-flan-t5-large", InstructBlipShape.ReleasedT5, LanguageShape.FlanT5Large),
        new("instructblip-vicuna-7b", InstructBlipShape.Released, LanguageShape.Vicuna7B),
        new("minigpt-v2", MiniGptShape.Released, LanguageShape.Vicuna7B),
        new("vila-1.5-3b", VilaShape.Released, LanguageShape.ShearedLlama3B),
        new("idefics-9b", IdeficsShape.Released, LanguageShape.Idefics9B),
        new("llama-3.2-vision-11b", MllamaShape.Released, LanguageShape.Mllama11B),
        new("llama-3.2-vision-5-blocks", MllamaShape.Released, LanguageShape.MllamaFirst5),
        new("mplug-owl-7b", MplugOwlShape.Released, LanguageShape.Vicuna7B),
        new("mplug-owl2-7b", MplugOwlShape.SecondReleased, LanguageShape.MplugOwl7B),
        new("cambrian-8b", CambrianShape.Released, LanguageShape.Cambrian8B),
        new("cambrian-4-blocks", CambrianShape.Released, LanguageShape.CambrianFirst4),
        new("glm-4v-9b", Glm4vShape.Released, LanguageShape.Glm9B),
        new("cogvlm2-19b", CogVlmShape.Released, LanguageShape.CogVlm19B),
    ];
}
