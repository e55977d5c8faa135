using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// Starts ggml and llama.cpp once: loads the libraries, finds out which edition they are, checks that they are laid out as transcribed
/// here, and loads the best kernels for this processor. The wrong library is refused instead of crashing later.
/// </summary>
internal static unsafe class NativeRuntime
{
    /// <summary>The version of the packages LLamaSharp.Backend.* that fit.</summary>
    public const string PackageVersion = "0.30.0";

    // In the order in which they need each other. Those that have a device only some builds have; macOS wants them loaded first, because
    // the names under which its builds look for each other are not those of the files.
    private static readonly string[] Order =
    [
        NativeLibraries.GgmlBase,
        NativeLibraries.GgmlCpu,
        "ggml-metal",
        "ggml-blas",
        NativeLibraries.Ggml,
        NativeLibraries.Llama,
    ];

    private static readonly Lock Gate = new();
    private static bool started;

    /// <exception cref="NativeLibraryException">A library is missing, of another version, or laid out differently.</exception>
    public static void Start()
    {
        lock (Gate)
        {
            if (started)
            {
                SharedLibraries.RequireNoOther();
                return;
            }

            if (NativeLibraries.IsThere(NativeLibraries.GgmlCpu))
                OpenMpRuntime.Load();
            foreach (string library in Order)
            {
                if (library is NativeLibraries.GgmlBase or NativeLibraries.Ggml or NativeLibraries.Llama)
                    NativeLibraries.Load(library);
                else
                    NativeLibraries.LoadIfThere(library);
            }

            try
            {
                LlamaEdition.Current = FindEdition();
                NativeLog.Install();
                CheckDefaults(LlamaEdition.Current);
                LoadBackends();
            }
            catch (EntryPointNotFoundException missing)
            {
                throw Refuse($"it lacks a function that {LlamaEdition.Current.Name} has ({missing.Message})", missing);
            }

            started = true;
        }
    }

    // Libraries of two editions, each loadable beside the other, would end the process at the first call that one of them lacks.
    private static LlamaEdition FindEdition()
    {
        string ggml = Marshal.PtrToStringUTF8((nint)Ggml.ggml_version()) ?? "";
        LlamaEdition edition =
            LlamaEdition.All.FirstOrDefault(known => known.GgmlVersion == ggml)
            ?? throw Refuse(
                $"its ggml is version '{ggml}', and {string.Join(" or ", LlamaEdition.All.Select(static known => known.GgmlVersion))} "
                    + "is needed"
            );
        bool hasVersion = NativeLibrary.TryGetExport(NativeLibraries.Load(NativeLibraries.Llama), "llama_version", out _);
        string? llama = hasVersion ? (Marshal.PtrToStringUTF8((nint)LibLlama.llama_version()) ?? "").Split('-')[0] : null;
        if (llama != edition.LlamaVersion)
            throw Refuse($"its ggml is that of {edition.Name}, and llama.cpp is of another edition (version {llama ?? "unknown"})");
        nint kernels = NativeLibraries.LoadIfThere(NativeLibraries.GgmlCpu);
        bool areLinked = kernels != 0 && !NativeLibrary.TryGetExport(kernels, "ggml_backend_init", out _);
        if (kernels != 0 && areLinked != (edition == LlamaEdition.LLamaSharp))
            throw Refuse(
                $"its ggml is that of {edition.Name}, and {NativeLibraries.Locate(NativeLibraries.GgmlCpu)} is of another edition"
            );
        return edition;
    }

    // Values of llama_model_default_params (src/llama-model.cpp), llama_context_default_params (src/llama-context.cpp),
    // llama_sampler_chain_default_params (src/llama.cpp) and llama_batch_get_one (src/llama-batch.cpp) at v0.5.0, and of the older edition:
    // a struct of another layout would show other values here.
    private static void CheckDefaults(LlamaEdition edition)
    {
        bool isRelease = edition == LlamaEdition.Release;
        llama_model_params model = LlamaEdition.ModelDefaults();
        bool modelFits =
            model is { n_gpu_layers: -1, split_mode: 1, main_gpu: 0, kv_overrides: 0, vocab_only: 0, use_extra_bufts: 1, load_mtp: 0 }
            && model.load_mode == edition.DefaultLoadMode
            && model.lazy_mode == (isRelease ? 1 : 0)
            && model.tensor_split == null
            && model.progress_callback == null;
        if (!modelFits)
            throw Refuse("llama_model_default_params has other defaults than documented");

        llama_context_params context = LlamaEdition.ContextDefaults();
        bool contextFits =
            context
                is {
                    n_ctx: 512,
                    n_batch: 2048,
                    n_ubatch: 512,
                    n_seq_max: 1,
                    flash_attn_type: -1,
                    pooling_type: -1,
                    yarn_beta_slow: -1f,
                    defrag_thold: -1f,
                    type_k: ggml_type.GGML_TYPE_F16,
                    type_v: ggml_type.GGML_TYPE_F16,
                    offload_kqv: 1,
                    no_perf: 1,
                    swa_full: 1,
                    kv_unified: 0,
                    samplers: 0,
                    n_samplers: 0,
                    ctx_other: 0,
                }
            && context.n_outputs_max_per_seq == (isRelease ? 1 : 0);
        if (!contextFits)
            throw Refuse("llama_context_default_params has other defaults than documented");

        if (LibLlama.llama_sampler_chain_default_params().no_perf != 1)
            throw Refuse("llama_sampler_chain_default_params has other defaults than documented");
        int token = 1;
        llama_batch batch = LibLlama.llama_batch_get_one(&token, 1);
        bool batchFits =
            batch.n_tokens == 1
            && batch.token == &token
            && batch.embd == null
            && batch.pos == null
            && batch.n_seq_id == null
            && batch.seq_id == null
            && batch.logits == null;
        if (!batchFits)
            throw Refuse("llama_batch_get_one fills a batch otherwise than documented");
    }

    private static void LoadBackends()
    {
        // LLamaSharp's builds bring their devices linked in.
        if (!HasProcessor)
            GgmlBackend.ggml_backend_load_all_from_path(Path.GetDirectoryName(NativeLibraries.Locate(NativeLibraries.Ggml))!);
        LibLlama.llama_backend_init();
        if (!HasProcessor)
            throw Refuse("no CPU kernels (libggml-cpu-*) that this processor can run were found beside it");
    }

    private static bool HasProcessor => GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU) != 0;

    private static NativeLibraryException Refuse(string problem, Exception? cause = null) =>
        new(
            $"{NativeLibraries.Locate(NativeLibraries.Llama)} cannot be used: {problem}. Take a package such as LLamaSharp.Backend.Cpu "
                + $"{PackageVersion}, "
                + $"or set {NativeFolders.Variable} to a folder with {LlamaEdition.Release.Name} alone.",
            cause
        );
}
