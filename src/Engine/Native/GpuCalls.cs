using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// Runs what uses a GPU. Where a driver loses its device, ggml's Vulkan backend throws in C++ and its CUDA backend aborts, and either would
/// end the process. So each call runs on a thread that can be given up: it stays for good where native code failed, with all that is locked
/// there, and the caller gets an exception. From then on no GPU is touched, neither to compute nor to free.
/// </summary>
internal static class GpuCalls
{
    private static readonly ConcurrentBag<Worker> Idle = [];
    private static readonly ConcurrentDictionary<Worker, bool> Running = [];

    [ThreadStatic]
    private static Worker? own;
    private static string? loss;

    /// <summary>Why no GPU can be used any more; null as long as they can.</summary>
    public static string? Loss => Volatile.Read(ref loss);

    /// <summary>Whether this thread is one of those that can be given up.</summary>
    public static bool IsInside => own is not null;

    /// <summary>Runs a call on a thread that can be given up, and waits for it.</summary>
    /// <exception cref="NativeLibraryException">The GPU was lost, now or earlier.</exception>
    public static T Run<T>(Func<T> call)
    {
        if (IsInside)
            return call();
        T result = default!;
        Run(() =>
        {
            result = call();
        });
        return result;
    }

    /// <summary>Runs a call on a thread that can be given up, and waits for it.</summary>
    /// <exception cref="NativeLibraryException">The GPU was lost, now or earlier.</exception>
    public static void Run(Action call)
    {
        if (IsInside)
        {
            call();
            return;
        }

        Worker worker = Idle.TryTake(out Worker? idle) ? idle : new Worker();
        Running[worker] = true;
        try
        {
            // After it is listed, so that a loss from now on reaches it.
            if (Loss is { } reason)
                throw Lost(reason);
            worker.Run(call);
        }
        finally
        {
            Running.TryRemove(worker, out _);
            if (!worker.IsGivenUp)
                Idle.Add(worker);
        }
    }

    /// <summary>
    /// To be called where native code is about to end the process because it lost its GPU: keeps this thread, and tells the callers of all
    /// that runs. Returns only on a thread that cannot be given up.
    /// </summary>
    public static void GiveUp(string reason)
    {
        if (own is null)
            return;
        Interlocked.CompareExchange(ref loss, reason, null);
        foreach (Worker worker in Running.Keys)
            worker.Fail(Lost(reason));
        Thread.Sleep(Timeout.Infinite);
    }

    private static NativeLibraryException Lost(string reason) =>
        new($"the GPU was lost ({reason}); from now on this process can compute on the CPU only.");

#pragma warning disable CA1001 // a worker lives as long as the process
    private sealed class Worker
#pragma warning restore CA1001
    {
        private readonly SemaphoreSlim start = new(0);
        private readonly SemaphoreSlim end = new(0);
        private Action call = static () => { };
        private Exception? failure;
        private int hasEnded = 1;

        public Worker() => new Thread(Loop) { IsBackground = true, Name = "Tessera GPU" }.Start();

        /// <summary>Runs a call; what it throws is thrown here.</summary>
        public void Run(Action next)
        {
            (call, failure) = (next, null);
            Volatile.Write(ref hasEnded, 0);
            start.Release();
            end.Wait();
            if (failure is not null)
                ExceptionDispatchInfo.Throw(failure);
        }

        /// <summary>Whether its thread may never come back.</summary>
        public bool IsGivenUp { get; private set; }

        /// <summary>Ends the call that is running for whoever waits for it, though the thread stays where it is.</summary>
        public void Fail(Exception why)
        {
            IsGivenUp = true;
            End(why);
        }

        private void Loop()
        {
            own = this;
            while (true)
            {
                start.Wait();
                Exception? thrown = null;
                try
                {
                    call();
                }
                catch (SEHException native)
                {
                    // What C++ throws comes through on Windows.
                    string reason = NativeLog.TakeErrors();
                    Interlocked.CompareExchange(ref loss, reason, null);
                    thrown = new NativeLibraryException(Lost(reason).Message, native);
                }
                catch (Exception other)
                {
                    thrown = other;
                }

                if (!End(thrown))
                    return;
            }
        }

        private bool End(Exception? why)
        {
            if (Interlocked.Exchange(ref hasEnded, 1) != 0)
                return false;
            failure = why;
            end.Release();
            return true;
        }
    }
}
