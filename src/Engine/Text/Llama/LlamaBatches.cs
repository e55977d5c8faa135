using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using Tessera.Compute;
using Tessera.Compute.Threads;
using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>Runs batches through a context of libllama, with as many threads as pay.</summary>
internal sealed unsafe class LlamaBatches : IDisposable
{
    // What one thread reads and multiplies in a second, about.
    private const double WeightBytesPerSecond = 10e9,
        RowBytesPerSecond = 20e9;

    // What llama_decode returns where ggml says GGML_STATUS_ALLOC_FAILED (ggml-org/llama.cpp v0.5.0, src/llama-context.cpp).
    private const int AllocationFailed = -2;
    private readonly LanguageModel model;
    private readonly LlamaContext context;
    private readonly WorkThreads threads;
    private readonly RowPlaces? places;
    private readonly int* sequenceIds;
    private readonly ThreadPools pools = new();
    private readonly long weightBytes;
    private string decodeErrors = "";

    /// <param name="model">The weights.</param>
    /// <param name="context">The context.</param>
    /// <param name="threads">Chooses the number of threads; told of <see cref="SizeCount"/> sizes of batches.</param>
    /// <param name="places">Where rows stand apart from their order; null where none do.</param>
    /// <param name="sequenceCount">Number of sequences.</param>
    public LlamaBatches(LanguageModel model, LlamaContext context, WorkThreads threads, RowPlaces? places, int sequenceCount)
    {
        (this.model, this.context, this.threads, this.places) = (model, context, threads, places);
        weightBytes = model.ByteLength;
        sequenceIds = (int*)NativeMemory.Alloc((nuint)sequenceCount, sizeof(int));
        for (int id = 0; id < sequenceCount; id++)
            sequenceIds[id] = id;
    }

    /// <summary>Sizes of batches that are told apart: 1 row, 2 to 7, 8 to 63, and more.</summary>
    public static int SizeCount => 4;

    /// <summary>Runs a batch through the encoder or the decoder.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="pass"><c>llama_encode</c> or <c>llama_decode</c>.</param>
    public DecodeOutcome Run(ContextBatch batch, Func<nint, llama_batch, int> pass) =>
        context.OnItsDevice(() =>
            model.IsOnProcessor ? ProcessorTurn.Take(threads.Wanted, () => SubmitWhole(batch, pass)) : SubmitWhole(batch, pass)
        ) switch
        {
            0 => DecodeOutcome.Done,
            1 => DecodeOutcome.NoRoom,
            2 => DecodeOutcome.Stopped,
            AllocationFailed => DecodeOutcome.NoMemory,
            _ => DecodeOutcome.Failed,
        };

    /// <summary>What to say of a decode that failed.</summary>
    public NativeLibraryException FailureOf(DecodeOutcome outcome, int rowCount) =>
        new(
            outcome switch
            {
                DecodeOutcome.NoRoom => $"{model.Path}: the KV cache has no room for the prompt, though it should.",
                DecodeOutcome.NoMemory => $"{model.Path}: there is not enough memory to decode {rowCount} tokens ({decodeErrors}).",
                _ => $"{model.Path}: llama.cpp failed to decode {rowCount} tokens ({decodeErrors}).",
            }
        );

    public void Dispose()
    {
        pools.Dispose();
        NativeMemory.Free(sequenceIds);
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
            LibLlama.llama_synchronize(context.Pointer);
        return status;
    }

    private int Submit(ContextBatch batch, Func<nint, llama_batch, int> pass)
    {
        int size = Math.Min(BitOperations.Log2((uint)batch.Count) / 3 + (batch.Count > 1 ? 1 : 0), SizeCount - 1);
        int count = threads.Choose(size, Math.Max(weightBytes / WeightBytesPerSecond, weightBytes / RowBytesPerSecond * batch.Count));
        LibLlama.llama_set_n_threads(context.Pointer, count, count);
        nint pool = pools.Of(count);
        if (pool != 0)
            LibLlama.llama_attach_threadpool(context.Pointer, pool, pool);
        else
            LibLlama.llama_detach_threadpool(context.Pointer);
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
                context.Pointer,
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
}
