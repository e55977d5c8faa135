using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Compute;
using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>A context of libllama: a KV cache, and who may stop it.</summary>
internal sealed unsafe class LlamaContext : IDisposable
{
    private const int LargestBatch = 2048;

    // Rows that the processor computes at once, half more than is usual: a prompt with a picture of 576 tokens goes through in one, so that
    // the kernels unpack each weight once.
    private const int RowsAtOnce = 768;
    private readonly LanguageModel model;
    private readonly LlamaContextHandle handle;
    private readonly int* stopFlag;

    /// <summary>Reserves the KV cache and the compute buffers.</summary>
    /// <param name="model">The weights; must outlive the context.</param>
    /// <param name="length">Positions that it holds, of all sequences together; what sequences share counts once.</param>
    /// <param name="sequenceCount">Number of sequences.</param>
    /// <param name="threadCount">CPU threads.</param>
    /// <param name="cacheType">How the KV cache stores its values.</param>
    /// <exception cref="NativeLibraryException">libllama cannot make it.</exception>
    /// <exception cref="TesseraException">There is not enough memory.</exception>
    public LlamaContext(LanguageModel model, int length, int sequenceCount, int threadCount, CacheType cacheType)
    {
        this.model = model;
        CheckMemory(length);
        stopFlag = (int*)NativeMemory.AllocZeroed(sizeof(int));
        llama_context_params parameters = Parameters(length, sequenceCount, threadCount, cacheType);
        try
        {
            handle = OnItsDevice(() => NewContext(parameters, length));
        }
        catch
        {
            NativeMemory.Free(stopFlag);
            throw;
        }

        model.Adapters?.Attach(handle.Pointer);
        // libllama rounds the length up, but not the batch that it takes at once.
        Length = Math.Min(length, (int)LibLlama.llama_n_ctx(handle.Pointer));
        BatchSize = Math.Min(LargestBatch, (int)LibLlama.llama_n_batch(handle.Pointer));
    }

    /// <summary>Positions that it holds.</summary>
    public int Length { get; }

    /// <summary>The most rows of one decode.</summary>
    public int BatchSize { get; }

    public nint Pointer => handle.Pointer;

    /// <summary>Its KV cache.</summary>
    public nint Memory => LibLlama.llama_get_memory(handle.Pointer);

    public bool IsClosed => handle.IsClosed;

    /// <summary>Whether a call that has been given up may still look at its memory.</summary>
    public bool MayBeInUse => !model.IsOnProcessor && GpuCalls.Loss is not null;

    /// <summary>Runs a call where its device wants it.</summary>
    /// <exception cref="NativeLibraryException">The GPU was lost.</exception>
    public T OnItsDevice<T>(Func<T> call)
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

    public void RequestStop() => Volatile.Write(ref *stopFlag, 1);

    public void ForgetStop() => Volatile.Write(ref *stopFlag, 0);

    public void Dispose()
    {
        if (handle.IsClosed)
            return;
        handle.Dispose();
        if (!MayBeInUse)
            NativeMemory.Free(stopFlag);
    }

    /// <summary>The parameters of a context that nobody stops.</summary>
    public static llama_context_params PlainParameters(
        int length,
        int sequenceCount,
        int threadCount,
        CacheType cacheType,
        (bool HasEncoder, bool IsOnProcessor) model
    )
    {
        llama_context_params parameters = LlamaEdition.ContextDefaults();
        parameters.n_ctx = (uint)length;
        parameters.n_batch = LargestBatch;
        if (model.IsOnProcessor)
            parameters.n_ubatch = RowsAtOnce;
        // An encoder takes its prompt at once or ends the process (v0.5.0: src/llama-context.cpp, llama_context::encode).
        if (model.HasEncoder)
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
        llama_context_params parameters = PlainParameters(
            length,
            sequenceCount,
            threadCount,
            cacheType,
            (model.HasEncoder, model.IsOnProcessor)
        );
        if (model.PositionFactor > 1)
        {
            parameters.rope_scaling_type = LibLlama.LLAMA_ROPE_SCALING_TYPE_LINEAR;
            parameters.rope_freq_scale = 1f / model.PositionFactor;
        }

        parameters.abort_callback = &IsStopRequested;
        parameters.abort_callback_data = stopFlag;
        return parameters;
    }

    private LlamaContextHandle NewContext(llama_context_params parameters, int length)
    {
        NativeLog.ForgetErrors();
        var made = new LlamaContextHandle(ComputeDevice.WhileContextIsMade(() => LlamaEdition.NewContext(model.Pointer, parameters)));
        return made.IsInvalid
            ? throw new NativeLibraryException($"{model.Path}: a context of {length} tokens cannot be made ({NativeLog.TakeErrors()}).")
            : made;
    }

    // Where memory is overcommitted, asking for too much of it succeeds, and using it ends the process.
    private void CheckMemory(int length)
    {
        long needed = model.ContextBytesPerToken() * length,
            available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available && model.IsOnProcessor)
            throw new ContextMemoryException(model.Path, length, needed, available);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte IsStopRequested(void* flag) => (byte)Volatile.Read(ref *(int*)flag);
}
