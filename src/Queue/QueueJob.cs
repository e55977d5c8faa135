using System.Security.Cryptography;
using System.Text;
using Tessera.Annotation;

namespace Tessera.Queue;

/// <summary>One question about many pictures, for whoever works on the queue.</summary>
public sealed record QueueJob
{
    private const int NameBytes = 12;

    /// <summary>What is asked.</summary>
    public required AnnotationRequest Request { get; init; }

    /// <summary>Whether the pictures' bytes are sent; without it, workers open them where their paths say.</summary>
    public bool SendsPictures { get; init; }

    /// <summary>Pictures that are out at once: what a collector and the server remember.</summary>
    public int Window { get; init; } = 20_000;

    /// <summary>What the job is called on the server: the same as before where the same is asked into the same file, so that a collector
    /// that was killed finds what became of its pictures.</summary>
    /// <param name="outputPath">The file of lines.</param>
    internal string NameFor(string outputPath)
    {
        byte[] what = [.. JobDocument.Of(Request).ToJson(), .. Encoding.UTF8.GetBytes($"\n{Environment.MachineName}\n{outputPath}")];
        return Convert.ToHexStringLower(SHA256.HashData(what).AsSpan(0, NameBytes));
    }
}
