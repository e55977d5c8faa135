using System.Collections.Concurrent;

namespace Tessera.Compute.Kernels;

/// <summary>Which kernels have computed in this process.</summary>
internal static class KernelUse
{
    private static readonly ConcurrentDictionary<string, byte> Seen = new(StringComparer.Ordinal);

    /// <summary>Their names, as people read them, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names => [.. Seen.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Notes that a kernel computes.</summary>
    public static void Note(string name)
    {
        if (!Seen.ContainsKey(name))
            Seen.TryAdd(name, 0);
    }
}
