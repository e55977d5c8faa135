using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of <c>include/llama.h</c>, llama.cpp v0.5.0; what the older edition has otherwise:
/// <see cref="LlamaEdition"/>.</summary>
internal static unsafe partial class LibLlama
{
    private const string Library = NativeLibraries.Llama;

    internal const int LLAMA_VOCAB_TYPE_WPM = 3;
    internal const int LLAMA_ROPE_SCALING_TYPE_LINEAR = 1;
    internal const int LLAMA_LOAD_MODE_NONE = 0;
    internal const int LLAMA_FLASH_ATTN_TYPE_ENABLED = 1;

    [LibraryImport(Library)]
    internal static partial byte* llama_version();

    [LibraryImport(Library)]
    internal static partial void llama_backend_init();

    [LibraryImport(Library)]
    internal static partial void llama_log_set(
        delegate* unmanaged[Cdecl]<ggml_log_level, byte*, void*, void> log_callback,
        void* user_data
    );

    [LibraryImport(Library)]
    internal static partial llama_model_params llama_model_default_params();

    [LibraryImport(Library)]
    internal static partial llama_context_params llama_context_default_params();

    [LibraryImport(Library)]
    internal static partial llama_sampler_chain_params llama_sampler_chain_default_params();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint llama_model_load_from_file(string path_model, llama_model_params parameters);

    [LibraryImport(Library)]
    internal static partial void llama_model_free(nint model);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint llama_adapter_lora_init(nint model, string path_lora);

    [LibraryImport(Library)]
    internal static partial int llama_set_adapters_lora(nint ctx, nint* adapters, nuint n_adapters, float* scales);

    [LibraryImport(Library)]
    internal static partial nint llama_model_get_vocab(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_ctx_train(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_embd_inp(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_rope_type(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_embd(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_layer(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_head(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_head_kv(nint model);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_model_is_recurrent(nint model);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_model_is_hybrid(nint model);

    [LibraryImport(Library)]
    internal static partial ulong llama_model_size(nint model);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_model_has_encoder(nint model);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_model_has_decoder(nint model);

    [LibraryImport(Library)]
    internal static partial int llama_model_decoder_start_token(nint model);

    [LibraryImport(Library)]
    internal static partial nint llama_init_from_model(nint model, llama_context_params parameters);

    [LibraryImport(Library)]
    internal static partial void llama_free(nint ctx);

    [LibraryImport(Library)]
    internal static partial void llama_set_n_threads(nint ctx, int n_threads, int n_threads_batch);

    [LibraryImport(Library)]
    internal static partial void llama_attach_threadpool(nint ctx, nint threadpool, nint threadpool_batch);

    [LibraryImport(Library)]
    internal static partial void llama_detach_threadpool(nint ctx);

    [LibraryImport(Library)]
    internal static partial uint llama_n_ctx(nint ctx);

    [LibraryImport(Library)]
    internal static partial uint llama_n_batch(nint ctx);

    [LibraryImport(Library)]
    internal static partial nint llama_get_memory(nint ctx);

    [LibraryImport(Library)]
    internal static partial void llama_memory_clear(nint mem, [MarshalAs(UnmanagedType.U1)] bool data);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_memory_seq_rm(nint mem, int seq_id, int p0, int p1);

    [LibraryImport(Library)]
    internal static partial void llama_memory_seq_cp(nint mem, int seq_id_src, int seq_id_dst, int p0, int p1);

    [LibraryImport(Library)]
    internal static partial int llama_memory_seq_pos_max(nint mem, int seq_id);

    [LibraryImport(Library)]
    internal static partial nuint llama_state_seq_get_size(nint ctx, int seq_id);

    [LibraryImport(Library)]
    internal static partial nuint llama_state_seq_get_data(nint ctx, byte* dst, nuint size, int seq_id);

    [LibraryImport(Library)]
    internal static partial nuint llama_state_seq_set_data(nint ctx, byte* src, nuint size, int dest_seq_id);

    [LibraryImport(Library)]
    internal static partial llama_batch llama_batch_get_one(int* tokens, int n_tokens);

    [LibraryImport(Library)]
    internal static partial int llama_encode(nint ctx, llama_batch batch);

    [LibraryImport(Library)]
    internal static partial int llama_decode(nint ctx, llama_batch batch);

    [LibraryImport(Library)]
    internal static partial void llama_synchronize(nint ctx);

    [LibraryImport(Library)]
    internal static partial float* llama_get_logits_ith(nint ctx, int i);

    [LibraryImport(Library)]
    internal static partial int llama_vocab_type(nint vocab);

    [LibraryImport(Library)]
    internal static partial int llama_vocab_n_tokens(nint vocab);

    [LibraryImport(Library)]
    internal static partial byte* llama_vocab_get_text(nint vocab, int token);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_vocab_is_eog(nint vocab, int token);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_vocab_is_control(nint vocab, int token);

    [LibraryImport(Library)]
    internal static partial int llama_vocab_bos(nint vocab);

    [LibraryImport(Library)]
    internal static partial int llama_vocab_eos(nint vocab);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_vocab_get_add_bos(nint vocab);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_vocab_get_add_eos(nint vocab);

    [LibraryImport(Library)]
    internal static partial int llama_tokenize(
        nint vocab,
        byte* text,
        int text_len,
        int* tokens,
        int n_tokens_max,
        [MarshalAs(UnmanagedType.U1)] bool add_special,
        [MarshalAs(UnmanagedType.U1)] bool parse_special
    );

    [LibraryImport(Library)]
    internal static partial int llama_token_to_piece(
        nint vocab,
        int token,
        byte* buf,
        int length,
        int lstrip,
        [MarshalAs(UnmanagedType.U1)] bool special
    );

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_chain_init(llama_sampler_chain_params parameters);

    [LibraryImport(Library)]
    internal static partial void llama_sampler_chain_add(nint chain, nint smpl);

    [LibraryImport(Library)]
    internal static partial void llama_sampler_free(nint smpl);

    [LibraryImport(Library)]
    internal static partial void llama_sampler_accept(nint smpl, int token);

    [LibraryImport(Library)]
    internal static partial int llama_sampler_sample(nint smpl, nint ctx, int idx);

    [LibraryImport(Library)]
    internal static partial void llama_sampler_apply(nint smpl, llama_token_data_array* cur_p);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint llama_sampler_init_grammar(nint vocab, string grammar_str, string grammar_root);

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_init_greedy();

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_init_dist(uint seed);

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_init_top_k(int k);

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_init_top_p(float p, nuint min_keep);

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_init_min_p(float p, nuint min_keep);

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_init_temp(float t);

    [LibraryImport(Library)]
    internal static partial nint llama_sampler_init_penalties(
        int n_vocab,
        int penalty_last_n,
        float penalty_repeat,
        float penalty_freq,
        float penalty_present
    );
}
