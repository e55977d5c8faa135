using System.Buffers.Binary;
using System.Security.Cryptography;
using Tessera.Text;

namespace Tessera.Vision.Encoding;

/// <summary>Tells what embeddings were made of: the picture's bytes, the projector file with its settings, and the plan.</summary>
/// <param name="Hash">SHA-256 of all of it, in hexadecimal.</param>
internal readonly record struct MediaKey(string Hash)
{
    /// <summary>Whose embeddings they are: those that came with a saved conversation serve that one only.</summary>
    public KeyOrigin Origin { get; init; }

    // Raised when the engine's own arithmetic changes, so that what older versions kept is not found any more.
    private const string Arithmetic = "tessera embeddings 1";

    /// <summary>The key of a picture or a video as one model sees it.</summary>
    /// <param name="media">The picture or video.</param>
    /// <param name="model">Fingerprint of the projector and its settings.</param>
    /// <param name="plan">How it is cut.</param>
    public static MediaKey Of(PromptMedia media, string model, SlicePlan plan)
    {
        string slices = string.Join(
            ' ',
            plan.Slices.Select(static slice => $"{slice.Kind} {slice.Row} {slice.Column} {slice.Size.Width}x{slice.Size.Height}")
        );
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (PromptImage frame in media.Frames)
            hash.AppendData(frame.Source.Digest);
        hash.AppendData(
            System.Text.Encoding.UTF8.GetBytes(
                $"{Arithmetic}\n{model}\n{plan.Columns}x{plan.Rows} {plan.Refined.Width}x{plan.Refined.Height} "
                    + $"{plan.ImageTokenCount + plan.MemoryTokenCount}\n"
                    + $"{(plan.FrameCount > 0 ? $"{plan.FrameCount} frames\n" : "")}{slices}"
                    + (plan.Instruction is null ? "" : $"\ninstruction {plan.Instruction}")
            )
        );
        return new MediaKey(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>A number for the positions of the KV cache.</summary>
    public ulong ContentKey => BinaryPrimitives.ReadUInt64LittleEndian(Convert.FromHexString(Hash));
}

/// <summary>What a picture became for the language model.</summary>
/// <param name="Values">[width, tokens].</param>
/// <param name="Key">What they were made of.</param>
internal sealed record MediaEmbeddings(ReadOnlyMemory<float> Values, MediaKey Key)
{
    /// <summary>Decoding, resizing and normalising, in milliseconds; 0 from a cache.</summary>
    public double PreprocessMs { get; init; }

    /// <summary>The tower and the connector, in milliseconds; 0 from a cache.</summary>
    public double EncodeMs { get; init; }

    /// <summary>Whether they come from a cache.</summary>
    public bool IsCached { get; init; }
}
