using System.Security.Cryptography;
using System.Text;
using Tessera.Gguf;

namespace Tessera.Compute;

/// <summary>
/// Tells model files apart without reading gigabytes: SHA-256 of the metadata's and tensor table's bytes, and of a few bytes from the
/// beginning, middle and end of each tensor.
/// </summary>
internal static class ModelFingerprint
{
    private const int SampleLength = 256;

    /// <exception cref="ModelFileException">The file is damaged.</exception>
    public static string Of(GgufFile file, string settings = "")
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{settings}\n{file.FileLength}\n"));
        Span<byte> sample = stackalloc byte[SampleLength];
        foreach (GgufTensor tensor in file.Tensors)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{tensor}\n"));
            Span<byte> part = sample[..(int)Math.Min(SampleLength, tensor.ByteLength)];
            foreach (long offset in (long[])[0, (tensor.ByteLength - part.Length) / 2, tensor.ByteLength - part.Length])
            {
                file.ReadTensorData(tensor, offset, part);
                hash.AppendData(part);
            }
        }

        AppendHeader(hash, file);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Adds the bytes of a file's metadata and tensor table.</summary>
    internal static void AppendHeader(IncrementalHash hash, GgufFile file)
    {
        long length = file.Tensors.Count == 0 ? file.FileLength : file.Tensors.Min(static tensor => tensor.DataOffset);
        var buffer = new byte[1 << 16];
        for (long offset = 0; offset < length; offset += buffer.Length)
        {
            Span<byte> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - offset));
            file.ReadBytes(offset, part);
            hash.AppendData(part);
        }
    }
}
