using System.Runtime.InteropServices;
using Tessera.Gguf;

namespace Tessera.Native;

/// <summary>An owning native pointer. The live ones are counted, so that a test can assert that nothing leaks.</summary>
internal abstract class OwnedHandle : SafeHandle
{
    private static int liveCount;
    private readonly bool isOnGpu = GpuCalls.IsInside;
    private readonly bool isCounted;

    protected OwnedHandle(nint pointer, bool isCounted = true)
        : base(0, ownsHandle: true)
    {
        this.isCounted = isCounted;
        if (pointer == 0)
            return;
        SetHandle(pointer);
        if (isCounted)
            Interlocked.Increment(ref liveCount);
    }

    /// <summary>Owned pointers that have not been freed yet, of all kinds.</summary>
    public static int LiveCount => Volatile.Read(ref liveCount);

    public override bool IsInvalid => handle == 0;

    /// <summary>The pointer, for calls made while the owner is known to be alive.</summary>
    public nint Pointer => IsClosed || IsInvalid ? throw new ObjectDisposedException(GetType().Name) : handle;

    /// <summary>Keeps the pointer alive until the result is disposed, though its owner may be disposed meanwhile.</summary>
    /// <exception cref="ObjectDisposedException">The owner has been disposed.</exception>
    public HandleHold Hold()
    {
        bool added = false;
        DangerousAddRef(ref added);
        return new HandleHold(this);
    }

    protected abstract void Free(nint pointer);

    // What a lost GPU holds is left to the end of the process.
    private bool TryFreeOnGpu()
    {
        try
        {
            GpuCalls.Run(() => Free(handle));
            return true;
        }
        catch (NativeLibraryException)
        {
            return false;
        }
    }

    protected override bool ReleaseHandle()
    {
        if (!isOnGpu)
            Free(handle);
        else if (!TryFreeOnGpu())
            return false;
        if (isCounted)
            Interlocked.Decrement(ref liveCount);
        return true;
    }
}

/// <summary>Keeps a native pointer alive.</summary>
internal readonly struct HandleHold(SafeHandle handle) : IDisposable
{
    public void Dispose() => handle.DangerousRelease();
}

/// <summary>A <c>ggml_context</c>: the arena that holds the tensors and the graph of one computation.</summary>
internal sealed class GgmlContextHandle(nint pointer) : OwnedHandle(pointer)
{
    protected override void Free(nint pointer) => Ggml.ggml_free(pointer);
}

/// <summary>A <c>ggml_backend</c>: one stream of work on one device.</summary>
internal sealed class BackendHandle(nint pointer) : OwnedHandle(pointer)
{
    protected override void Free(nint pointer) => GgmlBackend.ggml_backend_free(pointer);
}

/// <summary>A <c>ggml_backend_buffer</c>: memory on a device.</summary>
internal sealed class BackendBufferHandle(nint pointer) : OwnedHandle(pointer)
{
    protected override void Free(nint pointer) => GgmlBackend.ggml_backend_buffer_free(pointer);
}

/// <summary>A <c>ggml_backend_sched</c>: places a graph on backends and owns its compute buffers.</summary>
internal sealed class SchedulerHandle(nint pointer) : OwnedHandle(pointer)
{
    protected override void Free(nint pointer) => GgmlBackend.ggml_backend_sched_free(pointer);
}

/// <summary>A <c>ggml_threadpool</c>: threads of the CPU. Not counted, as its owner makes it when a count of threads is first
/// tried.</summary>
/// <param name="pointer">The pool.</param>
/// <param name="registry">The <c>ggml_backend_reg</c> that made it.</param>
internal sealed class ThreadPoolHandle(nint pointer, nint registry) : OwnedHandle(pointer, isCounted: false)
{
    protected override void Free(nint pointer) => GgmlThreads.ggml_threadpool_free(registry, pointer);
}

/// <summary>A <c>llama_model</c>: weights and vocabulary of a language model.</summary>
internal sealed class LlamaModelHandle(nint pointer) : OwnedHandle(pointer)
{
    // It unmaps the file.
    protected override void Free(nint pointer)
    {
        lock (FileMapping.Unmapping)
            LibLlama.llama_model_free(pointer);
    }
}

/// <summary>A <c>llama_context</c>: the KV cache and compute buffers of a language model.</summary>
internal sealed class LlamaContextHandle(nint pointer) : OwnedHandle(pointer)
{
    protected override void Free(nint pointer) => LibLlama.llama_free(pointer);
}

/// <summary>A <c>llama_sampler</c> chain, with the samplers that were added to it.</summary>
internal sealed class LlamaSamplerHandle(nint pointer) : OwnedHandle(pointer)
{
    protected override void Free(nint pointer) => LibLlama.llama_sampler_free(pointer);
}
