using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Native;

namespace Tessera.Text;

/// <summary>
/// The KV cache and the decoding of one language model. Tokens and embeddings are appended at the end of what it holds. For one
/// thread at a time.
/// </summary>
internal sealed unsafe class LanguageContext : IDisposable
{
    private const int BatchSize = 2048;
    private readonly LanguageModel model;
    private readonly LlamaContextHandle handle;
    private readonly int* stopFlag;
    private readonly int batchSize;

    /// <summary>Reserves the KV cache and the compute buffers.</summary>
    /// <param name="model">The weights; must outlive the context.</param>
    /// <param name="length">Tokens that it holds.</param>
    /// <param name="threadCount">CPU threads.</param>
    /// <exception cref="NativeLibraryException">There is not enough memory, or the model cannot generate.</exception>
    public LanguageContext(LanguageModel model, int length, int threadCount)
    {
        this.model = model;
        stopFlag = (int*)NativeMemory.AllocZeroed(sizeof(int));
        llama_context_params parameters = Llama.llama_context_default_params();
        parameters.n_ctx = (uint)length;
        parameters.n_batch = BatchSize;
        parameters.n_threads = threadCount;
        parameters.n_threads_batch = threadCount;
        parameters.abort_callback = &IsStopRequested;
        parameters.abort_callback_data = stopFlag;
        NativeLog.ForgetErrors();
        handle = new LlamaContextHandle(Llama.llama_init_from_model(model.Pointer, parameters));
        if (!handle.IsInvalid)
        {
            // libllama rounds the length up, but not the batch that it takes at once.
            Length = Math.Min(length, (int)Llama.llama_n_ctx(handle.Pointer));
            batchSize = Math.Min(BatchSize, (int)Llama.llama_n_batch(handle.Pointer));
            return;
        }

        NativeMemory.Free(stopFlag);
        throw new NativeLibraryException($"{model.Path}: a context of {length} tokens cannot be made ({NativeLog.TakeErrors()}).");
    }

    /// <summary>Tokens that it can hold.</summary>
    public int Length { get; }

    /// <summary>Tokens and embeddings that it holds now.</summary>
    public int Position { get; private set; }

    /// <summary>The model's file, for messages.</summary>
    public string ModelPath => model.Path;

    public nint Pointer => handle.Pointer;

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Llama.llama_memory_clear(Llama.llama_get_memory(handle.Pointer), false);
        Position = 0;
    }

    /// <summary>Appends tokens; the last one's logits can be read or sampled afterwards.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; what was appended so far is taken back.</exception>
    /// <exception cref="NativeLibraryException">libllama failed.</exception>
    public void DecodeTokens(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        for (int start = 0; start < tokens.Length; start += batchSize)
        {
            ReadOnlySpan<int> part = tokens[start..Math.Min(tokens.Length, start + batchSize)];
            fixed (int* ids = part) Decode(ids, null, part.Length, cancellationToken);
        }
    }

    /// <summary>Appends embeddings [width, rows]; the last one's logits can be read or sampled afterwards.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; what was appended so far is taken back.</exception>
    /// <exception cref="NativeLibraryException">libllama failed.</exception>
    public void DecodeEmbeddings(ReadOnlySpan<float> rows, CancellationToken cancellationToken)
    {
        int width = model.EmbeddingWidth, rowCount = rows.Length / width;
        for (int start = 0; start < rowCount; start += batchSize)
        {
            int count = Math.Min(batchSize, rowCount - start);
            fixed (float* values = rows.Slice(start * width, count * width)) Decode(null, values, count, cancellationToken);
        }
    }

    /// <summary>Logits of the last token or embedding: [vocabulary].</summary>
    public ReadOnlySpan<float> Logits()
    {
        float* logits = Llama.llama_get_logits_ith(handle.Pointer, -1);
        return logits == null ? [] : new ReadOnlySpan<float>(logits, model.Vocabulary.TokenCount);
    }

    public void Dispose()
    {
        if (handle.IsClosed) return;
        handle.Dispose();
        NativeMemory.Free(stopFlag);
    }

    private void Decode(int* tokens, float* embeddings, int count, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Volatile.Write(ref *stopFlag, 0);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static state => ((LanguageContext)state!).RequestStop(), this);
        int result = Submit(tokens, embeddings, count);
        if (result == 0)
        {
            Position += count;
            return;
        }

        Llama.llama_memory_seq_rm(Llama.llama_get_memory(handle.Pointer), 0, Position, -1);
        cancellationToken.ThrowIfCancellationRequested();
        throw result == 1
            ? new PromptTooLongException(Position + count, Length)
            : new NativeLibraryException($"{model.Path}: llama.cpp failed to decode {count} tokens ({NativeLog.TakeErrors()}).");
    }

    private int Submit(int* tokens, float* embeddings, int count)
    {
        var positions = new int[count];
        var sequenceCounts = new int[count];
        var sequences = new nint[count];
        var outputs = new sbyte[count];
        int sequence = 0;
        for (int index = 0; index < count; index++)
        {
            positions[index] = Position + index;
            sequenceCounts[index] = 1;
            sequences[index] = (nint)(&sequence);
        }

        outputs[^1] = 1;
        NativeLog.ForgetErrors();
        fixed (int* position = positions, sequenceCount = sequenceCounts)
        fixed (nint* sequenceList = sequences)
        fixed (sbyte* output = outputs)
        {
            return Llama.llama_decode(handle.Pointer, new llama_batch
            {
                n_tokens = count,
                token = tokens,
                embd = embeddings,
                pos = position,
                n_seq_id = sequenceCount,
                seq_id = (int**)sequenceList,
                logits = output,
            });
        }
    }

    private void RequestStop() => Volatile.Write(ref *stopFlag, 1);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte IsStopRequested(void* flag) => (byte)Volatile.Read(ref *(int*)flag);
}
