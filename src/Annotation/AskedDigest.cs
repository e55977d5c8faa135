using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Tessera.Annotation;

/// <summary>What lines are told by to answer the same question: 64 bits of a SHA-256 over the prompt, the system sentence and the schema
/// or grammar.</summary>
internal static class AskedDigest
{
    private const int ByteLength = 8;

    /// <summary>16 hexadecimal digits.</summary>
    public static string Of(AnnotationRequest request)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AnswerFormat? format = request.Options.Format;
        Add(hash, request.Prompt);
        Add(hash, request.System);
        Add(hash, format?.Schema);
        // A schema's grammar is made from it, and may be made in another way by another version.
        Add(hash, format?.Schema is null ? format?.Grammar : null);
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, ByteLength));
    }

    // With its length in front, so that no two lists of texts are one.
    private static void Add(IncrementalHash hash, string? text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text ?? "");
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, text is null ? -1 : bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
