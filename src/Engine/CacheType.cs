using System.Diagnostics.CodeAnalysis;

namespace Tessera;

/// <summary>How the KV cache stores keys and values.</summary>
public enum CacheType
{
    /// <summary>Half precision.</summary>
    F16,

    /// <summary>Blocks of 32 bytes with a scale: a little more than half the memory, and hardly another answer.</summary>
    [SuppressMessage("Naming", "CA1707", Justification = "ggml's name")]
    Q8_0,
}
