using Tessera.Compute;

namespace Tessera;

/// <summary>
/// The last word before native code ends the process: an assertion of llama.cpp or ggml that a model file broke in a way no check
/// foresaw. There is no way back from it, but a program can say what happened in its own manner.
/// </summary>
public static class NativeFailure
{
    /// <summary>
    /// Called with the reason, on any thread, while native code stands still; it should end the process. When it returns, or where
    /// there is none, the process aborts. Set it before the first model is loaded.
    /// </summary>
    public static Action<string>? Handler
    {
        get => ComputeDevice.AbortHandler;
        set => ComputeDevice.AbortHandler = value;
    }
}
