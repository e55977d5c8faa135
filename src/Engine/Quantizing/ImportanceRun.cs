using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Compute;
using Tessera.Compute.Threads;
using Tessera.Native;
using Tessera.Text.Llama;

namespace Tessera.Quantizing;

/// <summary>Decodes a text piece by piece with a language model on the processor, and adds up what its matrices are multiplied
/// with.</summary>
internal sealed unsafe class ImportanceRun(LanguageModel model, int chunkLength, CancellationToken cancellationToken)
{
    private readonly ImportanceSums sums = new();
    private readonly CancellationToken stop = cancellationToken;
    private readonly WorkThreads threads = new(0, 1, ProcessorLoad.OfMachine);

    public ImportanceSums Sums => sums;

    /// <summary>Decodes the pieces of a text, each from an empty cache.</summary>
    /// <param name="tokens">The text's tokens.</param>
    /// <param name="report">Told the pieces that are done.</param>
    /// <exception cref="NativeLibraryException">libllama cannot decode it.</exception>
    public void Decode(int[] tokens, Action<int> report)
    {
        GCHandle self = GCHandle.Alloc(this);
        try
        {
            using var context = new LlamaContextHandle(
                ComputeDevice.WhileContextIsMade(() => LlamaEdition.NewContext(model.Pointer, Parameters(GCHandle.ToIntPtr(self))))
            );
            if (context.IsInvalid)
                throw new NativeLibraryException(
                    $"{model.Path}: a context of {chunkLength} tokens cannot be made ({NativeLog.TakeErrors()})."
                );
            for (int chunk = 0; (chunk + 1) * chunkLength <= tokens.Length; chunk++)
            {
                DecodeChunk(context, tokens.AsSpan(chunk * chunkLength, chunkLength));
                stop.ThrowIfCancellationRequested();
                report(chunk + 1);
            }
        }
        finally
        {
            self.Free();
        }
    }

    private llama_context_params Parameters(nint self)
    {
        llama_context_params parameters = LlamaEdition.ContextDefaults();
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = parameters.n_outputs_max = (uint)chunkLength;
        parameters.n_threads = parameters.n_threads_batch = threads.Most;
        parameters.cb_eval = (nint)(delegate* unmanaged[Cdecl]<ggml_tensor*, byte, void*, byte>)&Watch;
        parameters.cb_eval_user_data = (void*)self;
        return parameters;
    }

    // Every row is an output, as else the last layer would compute one row alone.
    private void DecodeChunk(LlamaContextHandle context, Span<int> tokens)
    {
        LibLlama.llama_memory_clear(LibLlama.llama_get_memory(context.Pointer), true);
        if (model.Vocabulary.StartToken is { } start)
            tokens[0] = start;
        sbyte[] outputs = new sbyte[tokens.Length];
        Array.Fill(outputs, (sbyte)1);
        NativeLog.ForgetErrors();
        fixed (int* ids = tokens)
        fixed (sbyte* logits = outputs)
        {
            llama_batch batch = LibLlama.llama_batch_get_one(ids, tokens.Length);
            batch.logits = logits;
            int count = threads.Choose(0, expectedSeconds: 1);
            LibLlama.llama_set_n_threads(context.Pointer, count, count);
            long started = Stopwatch.GetTimestamp();
            int status = LibLlama.llama_decode(context.Pointer, batch);
            threads.Add(0, count, Stopwatch.GetElapsedTime(started));
            if (status != 0 && !stop.IsCancellationRequested)
                throw new NativeLibraryException(
                    $"{model.Path}: llama.cpp failed to decode {tokens.Length} tokens ({NativeLog.TakeErrors()})."
                );
        }
    }

    // Asked once whether a tensor is wanted, and told once it is computed; to say no then ends the graph.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Watch(ggml_tensor* tensor, byte isAsked, void* userData)
    {
        var run = (ImportanceRun)GCHandle.FromIntPtr((nint)userData).Target!;
        if (isAsked != 0)
            return ImportanceSums.Wants(tensor) ? (byte)1 : (byte)0;
        run.sums.Add(tensor);
        return run.stop.IsCancellationRequested ? (byte)0 : (byte)1;
    }
}
