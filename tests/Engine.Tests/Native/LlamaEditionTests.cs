using System.Runtime.InteropServices;
using Tessera.Native;

namespace Tessera.Engine.Tests.Native;

/// <summary>The structs of LLamaSharp's edition, made of those of v0.5.0 and back.</summary>
public sealed unsafe class LlamaEditionTests
{
    [Fact]
    public void A_models_parameters_move_to_where_the_older_edition_has_them()
    {
        var parameters = new llama_model_params
        {
            devices = (nint*)1,
            tensor_buft_overrides = 2,
            n_gpu_layers = 3,
            split_mode = 4,
            load_mode = 5,
            main_gpu = 7,
            tensor_split = (float*)8,
            progress_callback_user_data = (void*)9,
            kv_overrides = 10,
            vocab_only = 11,
            check_tensors = 12,
            use_extra_bufts = 13,
            load_mtp = 16,
        };
        llama_model_params moved = parameters;
        LlamaEdition.ToLLamaSharp(ref moved);
        ReadOnlySpan<byte> bytes = Bytes(ref moved);
        Assert.Equal([3, 4, 5, 7], MemoryMarshal.Cast<byte, int>(bytes[16..32]));
        Assert.Equal([8L, 0, 9, 10], MemoryMarshal.Cast<byte, long>(bytes[32..64]));
        Assert.Equal<byte>([11, 12, 13, 0, 0, 16], bytes[64..70]);
        LlamaEdition.FromLLamaSharp(ref moved);
        Assert.Equal(Bytes(ref parameters)[..78], Bytes(ref moved)[..78]);
    }

    [Fact]
    public void A_contexts_parameters_move_to_where_the_older_edition_has_them()
    {
        var parameters = new llama_context_params
        {
            n_ctx = 1,
            n_outputs_max = 6,
            n_threads = 8,
            n_threads_batch = 9,
            flash_attn_type = -1,
            yarn_orig_ctx = 21,
            defrag_thold = -1f,
            cb_eval = 23,
            type_k = ggml_type.GGML_TYPE_F16,
            kv_unified = 1,
            ctx_other = 24,
        };
        llama_context_params moved = parameters;
        LlamaEdition.ToLLamaSharp(ref moved);
        ReadOnlySpan<byte> bytes = Bytes(ref moved);
        Assert.Equal([6, 8, 9], MemoryMarshal.Cast<byte, int>(bytes[20..32]));
        Assert.Equal([21, BitConverter.SingleToInt32Bits(-1f)], MemoryMarshal.Cast<byte, int>(bytes[76..84]));
        Assert.Equal(Bytes(ref parameters)[88..], bytes[88..]);
        LlamaEdition.FromLLamaSharp(ref moved);
        Assert.Equal(Bytes(ref parameters), Bytes(ref moved));
    }

    private static Span<byte> Bytes<T>(ref T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new Span<T>(ref value));
}
