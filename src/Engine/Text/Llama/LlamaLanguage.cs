using Tessera.Compute.Threads;
using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>A language model in libllama with a context of its own: a KV cache for several sequences, and decoding.</summary>
internal sealed class LlamaLanguage : ILanguage
{
    private readonly LanguageModel model;
    private readonly LlamaContext context;
    private readonly LlamaBatches batches;
    private readonly LlamaStates states;
    private readonly RowPlaces? places; // where rows may stand apart from their order

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
        // Where a GPU works too, a step's time says nothing about the processor's threads.
        var threads = new WorkThreads(
            threadCount > 0 || model.IsOnProcessor ? threadCount : Environment.ProcessorCount,
            LlamaBatches.SizeCount,
            ProcessorLoad.OfMachine
        );
        if (model.PlacesRowsFreely)
            places = new RowPlaces(sequenceCount);
        context = new LlamaContext(model, length, sequenceCount, threads.Most, cacheType);
        batches = new LlamaBatches(model, context, threads, places, sequenceCount);
        states = new LlamaStates(this, model, context);
        HasEncoder = model.HasEncoder;
        AnswerStart = HasEncoder ? StartOf(model) : 0;
        CanCut = !LibLlama.llama_model_is_recurrent(model.Pointer) && !LibLlama.llama_model_is_hybrid(model.Pointer);
    }

    public int Length => context.Length;

    public int BatchSize => context.BatchSize;

    public bool CanCut { get; }

    public bool HasEncoder { get; }

    public int AnswerStart { get; }

    public string ModelPath => model.Path;

    public Vocabulary Vocabulary => model.Vocabulary;

    public int RowWidth => model.EmbeddingWidth;

    public bool TakesMemory => false;

    public IDisposable Hold() => model.Hold();

    public bool Cut(int sequence, int position) =>
        LibLlama.llama_memory_seq_rm(context.Memory, sequence, places?.Cut(sequence, position) ?? position, -1);

    public void Share(int source, int target, int position) =>
        LibLlama.llama_memory_seq_cp(
            context.Memory,
            source,
            target,
            CanCut ? 0 : -1,
            CanCut ? places?.Share(source, target, position) ?? position : -1
        );

    public int EndOf(int sequence) => LibLlama.llama_memory_seq_pos_max(context.Memory, sequence) + 1;

    public int[]? PositionsOf(int sequence) => null;

    public DecodeOutcome Encode(ContextBatch batch) => batches.Run(batch, LibLlama.llama_encode);

    public DecodeOutcome Decode(ContextBatch batch) => batches.Run(batch, LibLlama.llama_decode);

    public NativeLibraryException FailureOf(DecodeOutcome outcome, int rowCount) => batches.FailureOf(outcome, rowCount);

    public void RequestStop() => context.RequestStop();

    public void ForgetStop() => context.ForgetStop();

    public unsafe ReadOnlySpan<float> Logits(int row)
    {
        float* logits = LibLlama.llama_get_logits_ith(context.Pointer, row);
        return logits == null ? [] : new ReadOnlySpan<float>(logits, model.Vocabulary.TokenCount);
    }

    public long StateLength(int sequence) => states.StateLength(sequence);

    public byte[] Save(int sequence) => states.Save(sequence);

    public long LongestState(int emptySequence, int length) => states.LongestState(emptySequence, length);

    public bool Restore(int sequence, ReadOnlySpan<byte> state, int length)
    {
        bool isThere = states.Restore(sequence, state, length);
        if (isThere)
            places?.Restore(sequence, length);
        return isThere;
    }

    public void Dispose()
    {
        if (context.IsClosed)
            return;
        context.Dispose();
        if (!context.MayBeInUse)
            batches.Dispose();
    }

    private static int StartOf(LanguageModel model)
    {
        int token = LibLlama.llama_model_decoder_start_token(model.Pointer);
        // T5's is its padding, which files need not name.
        return token >= 0 && token < model.Vocabulary.TokenCount ? token : 0;
    }
}
