namespace Tessera.Checkpoints.Language;

/// <summary>The one table of language models: classes and model types of configurations, and what they are to libllama.</summary>
internal static class LanguageArchitectures
{
    /// <summary>The name by which a family asks for GLM-4 whose rows may share positions; no configuration has it.</summary>
    public const string PlacedGlm = "glm4v_language";

    /// <summary>The names by which a family asks for CogVLM's and CogVLM2's; no configuration has them.</summary>
    public const string CogVlm = "cogvlm_language",
        CogVlm2 = "cogvlm2_language";

    /// <summary>The name by which a family asks for mPLUG-Owl2's.</summary>
    public const string MplugOwl2 = "mplug_owl2_language";

    /// <summary>The names by which OpenFlamingo asks for its two.</summary>
    public const string FlamingoMpt = "flamingo_mpt",
        FlamingoNeox = "flamingo_neox";

    /// <summary>The names by which BLIP asks for its two decoders.</summary>
    public const string BlipCaptions = "blip_captions",
        BlipAnswers = "blip_answers";

    private static readonly (string[] Names, Func<LanguageArchitecture> Create)[] Table =
    [
        (
            [
                "LlamaForCausalLM",
                "LLaMAForCausalLM",
                "MistralForCausalLM",
                "InternLM3ForCausalLM",
                "LlavaLlamaForCausalLM",
                "LlavaMistralForCausalLM",
                "llama",
                "mistral",
                "vicuna",
                "internlm3",
                "llava",
                "llava_llama",
                "llava_mistral",
            ],
            static () => new LlamaArchitecture()
        ),
        (["CambrianLlamaForCausalLM", "cambrian_llama"], static () => new CambrianArchitecture()),
        (["IdeficsForVisionText2Text", "idefics"], static () => new IdeficsArchitecture()),
        ([FlamingoMpt], static () => new FlamingoMptArchitecture()),
        ([FlamingoNeox], static () => new FlamingoNeoxArchitecture()),
        ([BlipCaptions], static () => new BlipArchitecture("blip")),
        ([BlipAnswers], static () => new BlipArchitecture("blip-vqa")),
        (["OPTForCausalLM", "opt"], static () => new OptArchitecture()),
        (["MllamaForCausalLM", "mllama_text_model"], static () => new MllamaArchitecture()),
        (["Qwen2ForCausalLM", "LlavaQwenForCausalLM", "qwen2", "llava_qwen"], static () => new QwenArchitecture("qwen2")),
        (["Qwen3ForCausalLM", "qwen3"], static () => new QwenArchitecture("qwen3")),
        (["Qwen3_5ForCausalLM", "qwen3_5_text"], static () => new Qwen35Architecture()),
        (["Phi3ForCausalLM", "phi3"], static () => new Phi3Architecture()),
        (["InternLM2ForCausalLM", "internlm2"], static () => new InternLm2Architecture()),
        (["MiniCPMForCausalLM", "minicpm"], static () => new MiniCpmArchitecture()),
        (["ChatGLMModel", "ChatGLMForConditionalGeneration", "GlmForCausalLM", "chatglm", "glm"], static () => new ChatGlmArchitecture()),
        ([CogVlm, CogVlm2], static () => new CogVlmArchitecture()),
        ([MplugOwl2], static () => new MplugOwl2Architecture()),
        ([PlacedGlm], static () => new PlacedGlmArchitecture()),
        (["Glm4ForCausalLM", "glm4"], static () => new Glm4Architecture()),
        (["Gemma2ForCausalLM", "gemma2"], static () => new GemmaArchitecture("gemma2")),
        (["Gemma3ForCausalLM", "gemma3_text"], static () => new GemmaArchitecture("gemma3")),
        (
            ["T5ForConditionalGeneration", "T5WithLMHeadModel", "MT5ForConditionalGeneration", "UMT5ForConditionalGeneration", "t5", "mt5"],
            static () => new T5Architecture()
        ),
    ];

    /// <summary>The names that are known, of classes only.</summary>
    public static IEnumerable<string> KnownClasses => Table.SelectMany(static row => row.Names).Where(static name => char.IsUpper(name[0]));

    /// <summary>Finds the architecture of a configuration by its class, or else by its model type; null if neither is known.</summary>
    public static LanguageArchitecture? Find(Settings config)
    {
        string[] names =
        [
            .. config.Texts("architectures").Take(1),
            .. config.TryText("model_type") is string type ? [type] : Array.Empty<string>(),
        ];
        foreach (string name in names)
        foreach ((string[] known, Func<LanguageArchitecture> create) in Table)
            if (known.Contains(name))
                return create();
        return null;
    }
}
