using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// The two editions of llama.cpp that are understood, and all in which they differ for Tessera: v0.5.0 (ggml 0.25.1), whose headers are
/// transcribed here, and that of the packages LLamaSharp.Backend.* 0.30.0 (ggml 0.18.0), which has two fields fewer, no
/// <c>llama_version</c>, other defaults, and its CPU kernels linked in. What either lacks or names otherwise is not used at all.
/// </summary>
internal sealed record LlamaEdition(string Name, string GgmlVersion, string? LlamaVersion, int DefaultLoadMode)
{
    // Where fields of v0.5.0 stand: tensor_split after lazy_mode and main_gpu, n_outputs_max_per_seq and what it moves up to cb_eval.
    private const int TensorSplit = 40,
        OutputsPerSequence = 24,
        CallbackOfEvaluation = 88;

    public static readonly LlamaEdition LLamaSharp = new("LLamaSharp.Backend 0.30.0", "0.18.0", null, DefaultLoadMode: 1);
    public static readonly LlamaEdition Release = new("llama.cpp v0.5.0", "0.25.1", "0.5.0", DefaultLoadMode: -1);
    public static readonly IReadOnlyList<LlamaEdition> All = [LLamaSharp, Release];

    /// <summary>The edition whose libraries are loaded; known once <see cref="NativeRuntime"/> has looked.</summary>
    public static LlamaEdition Current { get; set; } = Release;

    /// <summary>What <c>llama_model_default_params</c> returns.</summary>
    public static llama_model_params ModelDefaults()
    {
        llama_model_params parameters = LibLlama.llama_model_default_params();
        if (Current == LLamaSharp)
            FromLLamaSharp(ref parameters);
        return parameters;
    }

    /// <summary>What <c>llama_context_default_params</c> returns.</summary>
    public static llama_context_params ContextDefaults()
    {
        llama_context_params parameters = LibLlama.llama_context_default_params();
        if (Current == LLamaSharp)
            FromLLamaSharp(ref parameters);
        return parameters;
    }

    /// <summary><c>llama_model_load_from_file</c>.</summary>
    public static nint LoadModel(string path, llama_model_params parameters)
    {
        if (Current == LLamaSharp)
            ToLLamaSharp(ref parameters);
        return LibLlama.llama_model_load_from_file(path, parameters);
    }

    /// <summary><c>llama_init_from_model</c>.</summary>
    public static nint NewContext(nint model, llama_context_params parameters)
    {
        if (Current == LLamaSharp)
            ToLLamaSharp(ref parameters);
        return LibLlama.llama_init_from_model(model, parameters);
    }

    // LLamaSharp's edition has the structs of LlamaStructs.cs less one field each. All systems pass structs of this size in memory, where
    // the callee looks no further than its own: so one type serves both, with its bytes moved. Source: LLamaModelParams and
    // LLamaContextParams of the package LLamaSharp 0.30.0, and the defaults that its libraries return, which are checked at each start.
    internal static void FromLLamaSharp(ref llama_model_params parameters)
    {
        Span<byte> bytes = Bytes(ref parameters);
        bytes[(TensorSplit - sizeof(long))..^sizeof(long)].CopyTo(bytes[TensorSplit..]);
        (parameters.main_gpu, parameters.lazy_mode) = (parameters.lazy_mode, 0);
    }

    internal static void ToLLamaSharp(ref llama_model_params parameters)
    {
        Span<byte> bytes = Bytes(ref parameters);
        parameters.lazy_mode = parameters.main_gpu;
        bytes[TensorSplit..].CopyTo(bytes[(TensorSplit - sizeof(long))..]);
    }

    internal static void FromLLamaSharp(ref llama_context_params parameters)
    {
        Span<byte> bytes = Bytes(ref parameters)[OutputsPerSequence..CallbackOfEvaluation];
        bytes[..^sizeof(int)].CopyTo(bytes[sizeof(int)..]);
        parameters.n_outputs_max_per_seq = 0;
    }

    internal static void ToLLamaSharp(ref llama_context_params parameters)
    {
        Span<byte> bytes = Bytes(ref parameters)[OutputsPerSequence..CallbackOfEvaluation];
        bytes[sizeof(int)..].CopyTo(bytes);
    }

    private static Span<byte> Bytes<T>(ref T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new Span<T>(ref value));
}
