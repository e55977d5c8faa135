using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tessera.Compute;

namespace Tessera;

/// <summary>The log of the native libraries, which is one for the process.</summary>
public static class NativeLogging
{
    /// <summary>Takes the lines of ggml, llama.cpp and libvips; null, as at first, takes none. What it throws is dropped.</summary>
    public static ILogger? Logger
    {
        get => ComputeDevice.Logger is NullLogger ? null : ComputeDevice.Logger;
        set => ComputeDevice.Logger = value ?? NullLogger.Instance;
    }
}
