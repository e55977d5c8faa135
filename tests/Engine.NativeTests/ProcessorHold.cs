using Tessera.Native;

namespace Tessera.Engine.NativeTests;

/// <summary>Holds all processors, so that no graph is computed until it is disposed.</summary>
internal sealed class ProcessorHold : IDisposable
{
    private readonly ManualResetEventSlim isHeld = new(),
        isOver = new();
    private readonly Thread holder;

    public ProcessorHold()
    {
        holder = new Thread(() =>
            ProcessorTurn.Take(
                Environment.ProcessorCount,
                () =>
                {
                    isHeld.Set();
                    isOver.Wait();
                    return 0;
                }
            )
        );
        holder.Start();
        isHeld.Wait();
    }

    public void Dispose()
    {
        isOver.Set();
        holder.Join();
        isHeld.Dispose();
        isOver.Dispose();
    }
}
