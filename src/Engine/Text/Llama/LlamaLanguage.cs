using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Compute;
using Tessera.Compute.Threads;
using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>A language model in libllama with a context of its own: a KV cache for several sequences, and decoding.</summary>
internal sealed unsafe class LlamaLanguage : ILanguage
{
    private const int LargestBatch = 2048;

    // What one thread reads and multiplies in a second, about.
    private const double WeightBytesPerSecond = 10e9,
        RowBytesPerSecond = 20e9;

    // Batches of 1 row, 2 to 7, 8 to 63, and more.
    private const int BatchSizeCount = 4;

    // What llama_decode returns where ggml says GGML_STATUS_ALLOC_FAILED (ggml-org/llama.cpp v0.5.0, src/llama-context.cpp).
    private const int AllocationFailed = -2;
    private readonly LanguageModel model;
    private readonly LlamaContextHandle handle;
    private readonly int* stopFlag;
    private readonly int* sequenceIds;
    private readonly WorkThreads threads;
    private readonly ThreadPools pools = new();
    private readonly long weightBytes;
    private readonly RowPlaces? places; // where rows may stand apart from their order
    private (bool IsKnown, StateShape? Shape) states;
    private string decodeErrors = "";

    /// <summary>Reserves the KV cache and the compute buffers.</summary>
    /// <param name="model">The weights; must outlive the context.</param>
    /// <param name="length">Positions that it holds, of all sequences together; what sequences share counts once.</param>
    /// <param name="sequenceCount">Number of sequences.</param>
    /// <param name="threadCount">CPU threads; 0 for as many as pay.</param>
    /// <param name="cacheType">How the KV cache stores its values.</param>
    /// <exception cref="NativeLibraryException">libllama cannot make it.</exception>
    /// <exception cref="TesseraException">There is not enough memory.</exception>
    public LlamaLanguage(LanguageModel model, int length, int sequenceCount, int threadCount, CacheType cacheType = CacheType.F16)
    {
        this.model = model;
        Length = length;
        CheckMemory(length);
        stopFlag = (int*)NativeMemory.AllocZeroed(sizeof(int));
        sequenceIds = (int*)NativeMemory.Alloc((nuint)sequenceCount, sizeof(int));
        for (int id = 0; id < sequenceCount; id++)
            sequenceIds[id] = id;
        // Where a GPU works too, a step's time says nothing about the processor's threads.
        threads = new WorkThreads(
            threadCount > 0 || model.IsOnProcessor ? threadCount : Environment.ProcessorCount,
            BatchSizeCount,
            ProcessorLoad.OfMachine
        );
        weightBytes = model.ByteLength;
        if (model.PlacesRowsFreely)
            places = new RowPlaces(sequenceCount);
        llama_context_params parameters = Parameters(length, sequenceCount, threads.Most, cacheType);
        try
        {
            handle = OnItsDevice(() => NewContext(parameters));
        }
        catch
        {
            FreeMemory();
            throw;
        }

        model.Adapters?.Attach(handle.Pointer);
        // libllama rounds the length up, but not the batch that it takes at once.
        Length = Math.Min(length, (int)LibLlama.llama_n_ctx(handle.Pointer));
        BatchSize = Math.Min(LargestBatch, (int)LibLlama.llama_n_batch(handle.Pointer));
        HasEncoder = model.HasEncoder;
        AnswerStart = HasEncoder ? StartOf(model) : 0;
        CanCut = !LibLlama.llama_model_is_recurrent(model.Pointer) && !LibLlama.llama_model_is_hybrid(model.Pointer);
    }

    public int Length { get; private set; }

    public int BatchSize { get; }

    public bool CanCut { get; }

    public bool HasEncoder { get; }

    public int AnswerStart { get; }

    public string ModelPath => model.Path;

    public Vocabulary Vocabulary => model.Vocabulary;

    public int RowWidth => model.EmbeddingWidth;

    public bool TakesMemory => false;

    private nint Memory => LibLlama.llama_get_memory(handle.Pointer);

    public IDisposable Hold() => model.Hold();

    public bool Cut(int sequence, int position) =>
        LibLlama.llama_memory_seq_rm(Memory, sequence, places?.Cut(sequence, position) ?? position, -1);

    public void Share(int source, int target, int position) =>
        LibLlama.llama_memory_seq_cp(
            Memory,
            source,
            target,
            CanCut ? 0 : -1,
            CanCut ? places?.Share(source, target, position) ?? position : -1
        );

    public int EndOf(int sequence) => LibLlama.llama_memory_seq_pos_max(Memory, sequence) + 1;

    public int[]? PositionsOf(int sequence) => null;

    public DecodeOutcome Encode(ContextBatch batch) => Run(batch, LibLlama.llama_encode);

    public DecodeOutcome Decode(ContextBatch batch) => Run(batch, LibLlama.llama_decode);

    private DecodeOutcome Run(ContextBatch batch, Func<nint, llama_batch, int> pass) =>
        OnItsDevice(() =>
            model.IsOnProcessor ? ProcessorTurn.Take(threads.Wanted, () => SubmitWhole(batch, pass)) : SubmitWhole(batch, pass)
        ) switch
        {
            0 => DecodeOutcome.Done,
            1 => DecodeOutcome.NoRoom,
            2 => DecodeOutcome.Stopped,
            AllocationFailed => DecodeOutcome.NoMemory,
            _ => DecodeOutcome.Failed,
        };

    public NativeLibraryException FailureOf(DecodeOutcome outcome, int rowCount) =>
        new(
            outcome switch
            {
                DecodeOutcome.NoRoom => $"{model.Path}: the KV cache has no room for the prompt, though it should.",
                DecodeOutcome.NoMemory => $"{model.Path}: there is not enough memory to decode {rowCount} tokens ({decodeErrors}).",
                _ => $"{model.Path}: llama.cpp failed to decode {rowCount} tokens ({decodeErrors}).",
            }
        );

    public void RequestStop() => Volatile.Write(ref *stopFlag, 1);

    public void ForgetStop() => Volatile.Write(ref *stopFlag, 0);

    public ReadOnlySpan<float> Logits(int row)
    {
        float* logits = LibLlama.llama_get_logits_ith(handle.Pointer, row);
        return logits == null ? [] : new ReadOnlySpan<float>(logits, model.Vocabulary.TokenCount);
    }

    public long StateLength(int sequence) => OnItsDevice(() => (long)LibLlama.llama_state_seq_get_size(handle.Pointer, sequence));

    public byte[] Save(int sequence) =>
        OnItsDevice(() =>
        {
            var state = new byte[LibLlama.llama_state_seq_get_size(handle.Pointer, sequence)];
            fixed (byte* target = state)
                return state[..(int)LibLlama.llama_state_seq_get_data(handle.Pointer, target, (nuint)state.Length, sequence)];
        });

    public long LongestState(int emptySequence, int length) =>
        length <= Length && !HasEncoder ? LearnStates(emptySequence)?.LongestFor(length) ?? 0 : 0;

    public bool Restore(int sequence, ReadOnlySpan<byte> state, int length)
    {
        // libllama makes room for whatever the state says before it looks whether it is there.
        // What was decoded behind an encoder is nothing without what it read.
        if (
            length > Length
            || HasEncoder
            || LearnStates(sequence) is not { } shape
            || !shape.Fits(state, length, model.Vocabulary.TokenCount)
        )
            return false;
        fixed (byte* source = state)
        {
            (nint first, nuint byteLength) = ((nint)source, (nuint)state.Length);
            bool isThere = OnItsDevice(() => LibLlama.llama_state_seq_set_data(handle.Pointer, (byte*)first, byteLength, sequence) != 0);
            if (isThere)
                places?.Restore(sequence, length);
            return isThere;
        }
    }

    // A sequence of one token shows what states of this context look like. It is used and emptied again.
    private StateShape? LearnStates(int emptySequence)
    {
        if (states.IsKnown)
            return states.Shape;
        var batch = new ContextBatch(1, model.EmbeddingWidth, null);
        batch.AddToken(model.Vocabulary.StartToken ?? 0, emptySequence, 0, wantsLogits: true);
        // Where there is no room, it may be asked again.
        if (Decode(batch) != DecodeOutcome.Done)
            return null;
        states = (true, StateShape.Learn(Save(emptySequence), model.Vocabulary.TokenCount));
        Cut(emptySequence, 0);
        return states.Shape;
    }

    public void Dispose()
    {
        if (handle.IsClosed)
            return;
        handle.Dispose();
        // A call that has been given up may still look at these.
        if (!model.IsOnProcessor && GpuCalls.Loss is not null)
            return;
        pools.Dispose();
        FreeMemory();
    }

    private static int StartOf(LanguageModel model)
    {
        int token = LibLlama.llama_model_decoder_start_token(model.Pointer);
        // T5's is its padding, which files need not name.
        return token >= 0 && token < model.Vocabulary.TokenCount ? token : 0;
    }

    // Where memory is overcommitted, asking for too much of it succeeds, and using it ends the process.
    private void CheckMemory(int length)
    {
        long needed = model.ContextBytesPerToken() * length,
            available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available && model.IsOnProcessor)
            throw new ContextMemoryException(model.Path, length, needed, available);
    }

    /// <summary>The parameters of a context that nobody stops.</summary>
    internal static llama_context_params PlainParameters(
        int length,
        int sequenceCount,
        int threadCount,
        CacheType cacheType,
        bool hasEncoder
    )
    {
        llama_context_params parameters = LlamaEdition.ContextDefaults();
        parameters.n_ctx = (uint)length;
        parameters.n_batch = LargestBatch;
        // An encoder takes its prompt at once or ends the process (v0.5.0: src/llama-context.cpp, llama_context::encode).
        if (hasEncoder)
            parameters.n_batch = parameters.n_ubatch = (uint)Math.Min(length, LargestBatch);
        parameters.n_seq_max = (uint)sequenceCount;
        parameters.n_outputs_max = (uint)sequenceCount;
        parameters.kv_unified = 1;
        parameters.n_threads = threadCount;
        parameters.n_threads_batch = threadCount;
        if (cacheType == CacheType.F16)
            return parameters;
        // Quantized values are read by flash attention only.
        parameters.type_k = parameters.type_v = ggml_type.GGML_TYPE_Q8_0;
        parameters.flash_attn_type = LibLlama.LLAMA_FLASH_ATTN_TYPE_ENABLED;
        return parameters;
    }

    private llama_context_params Parameters(int length, int sequenceCount, int threadCount, CacheType cacheType)
    {
        llama_context_params parameters = PlainParameters(length, sequenceCount, threadCount, cacheType, model.HasEncoder);
        if (model.PositionFactor > 1)
        {
            parameters.rope_scaling_type = LibLlama.LLAMA_ROPE_SCALING_TYPE_LINEAR;
            parameters.rope_freq_scale = 1f / model.PositionFactor;
        }

        parameters.abort_callback = &IsStopRequested;
        parameters.abort_callback_data = stopFlag;
        return parameters;
    }

    private T OnItsDevice<T>(Func<T> call)
    {
        if (model.IsOnProcessor)
            return call();
        try
        {
            return GpuCalls.Run(call);
        }
        catch (NativeLibraryException failure) when (GpuCalls.Loss is not null)
        {
            throw new NativeLibraryException($"{model.Path}: {failure.Message}", failure);
        }
    }

    private LlamaContextHandle NewContext(llama_context_params parameters)
    {
        NativeLog.ForgetErrors();
        var made = new LlamaContextHandle(ComputeDevice.WhileContextIsMade(() => LlamaEdition.NewContext(model.Pointer, parameters)));
        return made.IsInvalid
            ? throw new NativeLibraryException($"{model.Path}: a context of {Length} tokens cannot be made ({NativeLog.TakeErrors()}).")
            : made;
    }

    // To its end: a GPU's failure comes where it is waited for, which must be here.
    private int SubmitWhole(ContextBatch batch, Func<nint, llama_batch, int> pass)
    {
        NativeLog.ForgetErrors();
        int status = Submit(batch, pass);
        // Each thread has its own log.
        if (status is < 0 or > 2)
            decodeErrors = NativeLog.TakeErrors();
        if (!model.IsOnProcessor)
            LibLlama.llama_synchronize(handle.Pointer);
        return status;
    }

    private int Submit(ContextBatch batch, Func<nint, llama_batch, int> pass)
    {
        int size = Math.Min(BitOperations.Log2((uint)batch.Count) / 3 + (batch.Count > 1 ? 1 : 0), BatchSizeCount - 1);
        int count = threads.Choose(size, Math.Max(weightBytes / WeightBytesPerSecond, weightBytes / RowBytesPerSecond * batch.Count));
        LibLlama.llama_set_n_threads(handle.Pointer, count, count);
        nint pool = pools.Of(count);
        if (pool != 0)
            LibLlama.llama_attach_threadpool(handle.Pointer, pool, pool);
        else
            LibLlama.llama_detach_threadpool(handle.Pointer);
        long started = Stopwatch.GetTimestamp();
        int status = model.TakesSteps ? ComputeDevice.WithSteps(() => Pass(batch, pass)) : Pass(batch, pass);
        if (status == 0)
        {
            places?.Append(batch);
            threads.Add(size, count, Stopwatch.GetElapsedTime(started), batch.Count);
        }

        return status;
    }

    private int Pass(ContextBatch batch, Func<nint, llama_batch, int> pass)
    {
        var sequenceCounts = new int[batch.Count];
        var sequences = new nint[batch.Count];
        for (int row = 0; row < batch.Count; row++)
        {
            sequenceCounts[row] = 1;
            sequences[row] = (nint)(sequenceIds + batch.Sequences[row]);
        }

        // Of tokens libllama reads one number, which is their place on all axes.
        bool asEmbeddings = batch.IsEmbeddings || places?.AreInOrder(batch) == false;
        fixed (
            int* tokens = batch.Tokens,
                positions = Positions(batch, asEmbeddings),
                counts = sequenceCounts
        )
        fixed (nint* ids = sequences)
        fixed (sbyte* outputs = batch.Outputs)
        fixed (float* embeddings = asEmbeddings ? batch.Embeddings : [])
        {
            return pass(
                handle.Pointer,
                new llama_batch
                {
                    n_tokens = batch.Count,
                    token = asEmbeddings ? null : tokens,
                    embd = embeddings,
                    pos = positions,
                    n_seq_id = counts,
                    seq_id = (int**)ids,
                    logits = outputs,
                }
            );
        }
    }

    // Of embeddings, libllama reads all axes of M-RoPE, one after another; as it does for tokens, a row stands at the same place on the
    // first three, and the fourth is not used (ggml-org/llama.cpp v0.5.0, src/llama-graph.cpp, llm_graph_input_pos::set_input).
    private ReadOnlySpan<int> Positions(ContextBatch batch, bool asEmbeddings)
    {
        if (!asEmbeddings || !model.HasSeveralAxes)
            return batch.Positions;
        if (places is not null)
            return places.Positions(batch);
        const int Axes = 4;
        var positions = new int[Axes * batch.Count];
        for (int axis = 0; axis < Axes - 1; axis++)
            batch.Positions.CopyTo(positions.AsSpan(axis * batch.Count));
        return positions;
    }

    private void FreeMemory()
    {
        NativeMemory.Free(stopFlag);
        NativeMemory.Free(sequenceIds);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte IsStopRequested(void* flag) => (byte)Volatile.Read(ref *(int*)flag);
}
