using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>The device's memory for weights that are copied: declared one after another, then allocated at once and filled.</summary>
/// <param name="device">Where it lies.</param>
/// <param name="file">What fills it.</param>
/// <param name="placement">Which kinds of memory the device has.</param>
internal sealed unsafe class WeightMemory(ComputeDevice device, GgufFile file, MatrixPlacement placement) : IDisposable
{
    // Each works in the memory of a whole weight, and more threads than these only wait for memory.
    private const int MaxUploadThreads = 4;
    private readonly Dictionary<nint, GgmlContextHandle> arenas = [];
    private readonly List<BackendBufferHandle> buffers = [];
    private readonly List<DeclaredWeight> declared = [];

    private long WantedBytes => declared.Sum(static weight => weight.ByteLength);

    /// <summary>A tensor [width, rows] that the file's are laid into, end to end.</summary>
    public Tensor Declare(GgufTensor[] parts, ggml_type type, nint bufferType, long width, long rows)
    {
        if (!arenas.TryGetValue(bufferType, out GgmlContextHandle? arena))
            arenas.Add(bufferType, arena = GgmlArena.Create(file.Whole.Sum(static part => part.Tensors.Count)));
        var tensor = new Tensor(Ggml.ggml_new_tensor_4d(arena.Pointer, type, width, rows, 1, 1));
        declared.Add(new DeclaredWeight(tensor, parts));
        return tensor;
    }

    /// <summary>Takes the memory without touching it; returns how much it is.</summary>
    /// <exception cref="NativeLibraryException">There is not enough; the message says how much was needed.</exception>
    public long Allocate()
    {
        if (!placement.IsOnProcessor)
            CheckRoom();
        long taken = 0;
        foreach ((nint bufferType, GgmlContextHandle arena) in arenas)
        {
            NativeLog.ForgetErrors();
            var buffer = new BackendBufferHandle(GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(arena.Pointer, bufferType));
            if (buffer.IsInvalid)
                throw new NativeLibraryException(
                    $"{file.Path}: there is not enough memory for its weights, {WantedBytes / 1_000_000} MB ({NativeLog.TakeErrors()})."
                );

            buffers.Add(buffer);
            if (placement.IsOnProcessor)
                LargePages.AskFor(buffer.Pointer); // filling 600 MB takes half the time then
            GgmlBackend.ggml_backend_buffer_set_usage(buffer.Pointer, GgmlBackend.GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
            taken += (long)GgmlBackend.ggml_backend_buffer_get_size(buffer.Pointer);
        }

        return taken;
    }

    /// <summary>Copies every declared weight.</summary>
    /// <param name="progress">Told the fraction that has been copied, 0 to 1.</param>
    /// <param name="cancellationToken">Stops between two tensors.</param>
    public void Fill(IProgress<double>? progress, CancellationToken cancellationToken)
    {
        if (!placement.IsOnProcessor)
        {
            FillInTurn(progress, cancellationToken);
            return;
        }

        long total = WantedBytes,
            done = 0;
        var gate = new Lock();
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = Math.Min(device.Threads.Most, MaxUploadThreads),
            CancellationToken = cancellationToken,
        };
        try
        {
            // The largest first, so that no thread is left with a large one at the end.
            Parallel.ForEach(
                Partitioner.Create(
                    declared.OrderByDescending(static weight => weight.ByteLength),
                    EnumerablePartitionerOptions.NoBuffering
                ),
                options,
                static () => new UploadMemory(),
                (weight, _, memory) =>
                {
                    weight.CopyTo(file, memory);
                    lock (gate)
                        progress?.Report((double)(done += weight.ByteLength) / total);
                    return memory;
                },
                static memory => memory.Dispose()
            );
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }

    public void Dispose()
    {
        foreach (BackendBufferHandle buffer in buffers)
            buffer.Dispose();
        foreach (GgmlContextHandle arena in arenas.Values)
            arena.Dispose();
    }

    // On the thread that may be given up.
    private void FillInTurn(IProgress<double>? progress, CancellationToken cancellationToken)
    {
        long total = WantedBytes,
            done = 0;
        using var memory = new UploadMemory();
        foreach (DeclaredWeight weight in declared)
        {
            cancellationToken.ThrowIfCancellationRequested();
            weight.CopyTo(file, memory);
            progress?.Report((double)(done += weight.ByteLength) / total);
        }
    }

    // A GPU's driver may print when it has no more.
    private void CheckRoom()
    {
        long needed = WantedBytes,
            free = device.FreeBytes();
        if (needed > free)
            throw new NativeLibraryException(
                $"{file.Path}: there is not enough memory for its weights: {needed / 1_000_000} MB are wanted and {free / 1_000_000} MB "
                    + "are free."
            );
    }
}
