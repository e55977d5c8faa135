using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// Starts ggml and llama.cpp once: loads the libraries, checks that they are the version whose headers are transcribed here, and
/// loads the best kernels for this processor. The wrong library is refused instead of crashing later.
/// </summary>
internal static unsafe class NativeRuntime
{
    public const string GgmlVersion = "0.25.1";
    public const string LlamaVersion = "0.5.0";

    private static readonly Lock Gate = new();
    private static bool started;

    /// <exception cref="NativeLibraryException">A library is missing, of another version, or laid out differently.</exception>
    public static void Start()
    {
        lock (Gate)
        {
            if (started) return;
            foreach (string library in (string[])[NativeLibraries.GgmlBase, NativeLibraries.Ggml, NativeLibraries.Llama]) NativeLibraries.Load(library);
            try
            {
                CheckVersions();
                NativeLog.Install();
                CheckDefaults();
                LoadBackends();
            }
            catch (EntryPointNotFoundException missing)
            {
                throw Refuse($"it lacks a function that llama.cpp v{LlamaVersion} has ({missing.Message})", missing);
            }

            started = true;
        }
    }

    private static void CheckVersions()
    {
        string ggml = Marshal.PtrToStringUTF8((nint)Ggml.ggml_version()) ?? "";
        string llama = Marshal.PtrToStringUTF8((nint)Llama.llama_version()) ?? "";
        if (ggml != GgmlVersion) throw Refuse($"its ggml is version '{ggml}', and {GgmlVersion} is needed");
        if (llama.Split('-')[0] != LlamaVersion) throw Refuse($"its llama.cpp is version '{llama}', and {LlamaVersion} is needed");
    }

    // Values of llama_model_default_params (src/llama-model.cpp) and llama_context_default_params (src/llama-context.cpp) at v0.5.0:
    // a struct of another layout would show other values here.
    private static void CheckDefaults()
    {
        llama_model_params model = Llama.llama_model_default_params();
        bool modelFits = model is { n_gpu_layers: -1, split_mode: 1, load_mode: -1, lazy_mode: 1, main_gpu: 0, kv_overrides: 0, vocab_only: 0, use_extra_bufts: 1, load_mtp: 0 }
            && model.tensor_split == null && model.progress_callback == null;
        if (!modelFits) throw Refuse("llama_model_default_params has other defaults than documented");

        llama_context_params context = Llama.llama_context_default_params();
        bool contextFits = context is { n_ctx: 512, n_batch: 2048, n_ubatch: 512, n_seq_max: 1, n_outputs_max_per_seq: 1, flash_attn_type: -1, pooling_type: -1, yarn_beta_slow: -1f, defrag_thold: -1f, type_k: ggml_type.GGML_TYPE_F16, type_v: ggml_type.GGML_TYPE_F16, offload_kqv: 1, no_perf: 1, swa_full: 1, kv_unified: 0, samplers: 0, n_samplers: 0, ctx_other: 0 };
        if (!contextFits) throw Refuse("llama_context_default_params has other defaults than documented");
    }

    private static void LoadBackends()
    {
        GgmlBackend.ggml_backend_load_all_from_path(Path.GetDirectoryName(NativeLibraries.Locate(NativeLibraries.Ggml))!);
        Llama.llama_backend_init();
        if (GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU) == 0)
            throw Refuse("no CPU kernels (libggml-cpu-*) that this processor can run were found beside it");
    }

    private static NativeLibraryException Refuse(string problem, Exception? cause = null) =>
        new($"{NativeLibraries.Locate(NativeLibraries.Llama)} cannot be used: {problem}. "
            + $"Run 'npm ci' in the native/ folder and build again, or set {NativeLibraries.FolderVariable} to a folder with llama.cpp v{LlamaVersion}.", cause);
}
