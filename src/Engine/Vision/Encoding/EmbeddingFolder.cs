using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tessera.Shared;
using Tessera.Text;

namespace Tessera.Vision.Encoding;

/// <summary>
/// Keeps embeddings in a folder, a file for each picture. An entry appears whole or not at all, so several processes may share the
/// folder and any of them may be killed; an entry that is damaged all the same counts as missing. Trouble with the disk never fails an
/// answer.
/// </summary>
/// <param name="path">The folder; made when it is first needed.</param>
/// <param name="byteLimit">Bytes of all entries; the longest unused go first.</param>
internal sealed class EmbeddingFolder(string path, long byteLimit)
{
    // Magic, number of values, values, then SHA-256 of all before it.
    private const string Extension = ".embeddings";
    private const int HeaderLength = 12;
    private const int DigestLength = SHA256.HashSizeInBytes;

    private volatile Exception? failure;

    /// <summary>Why an entry could last not be read or written; null while all goes well.</summary>
    public Exception? Failure => failure;

    private static ReadOnlySpan<byte> Magic => "TESSEMB1"u8;

    /// <summary>Reads an entry; null if there is none, or if it is damaged.</summary>
    public float[]? Find(MediaKey key, int valueCount)
    {
        string file = FileOf(key);
        try
        {
            if (!File.Exists(file))
                return null;
            long expected = HeaderLength + ((long)valueCount * sizeof(float)) + DigestLength;
            byte[]? bytes = new FileInfo(file).Length == expected ? File.ReadAllBytes(file) : null;
            if (bytes?.Length == expected && IsWhole(bytes, valueCount))
            {
                float[] values = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(HeaderLength, valueCount * sizeof(float))).ToArray();
                if (FiniteNumbers.AreIn(values))
                {
                    MarkUsed(file);
                    return values;
                }
            }

            File.Delete(file);
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            failure = fault;
            return null;
        }
    }

    /// <summary>Writes an entry, then makes room.</summary>
    public void Add(MediaKey key, ReadOnlySpan<float> values)
    {
        byte[] entry = Pack(values);
        try
        {
            Directory.CreateDirectory(path);
            // What does not reach the disk before the power fails is made again.
            WholeFile.Write(FileOf(key), stream => stream.Write(entry), isDurable: false);
            MakeRoom();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            failure = fault;
        }
    }

    private static byte[] Pack(ReadOnlySpan<float> values)
    {
        int bodyLength = HeaderLength + (values.Length * sizeof(float));
        var bytes = new byte[bodyLength + DigestLength];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(Magic.Length), values.Length);
        MemoryMarshal.AsBytes(values).CopyTo(bytes.AsSpan(HeaderLength));
        SHA256.HashData(bytes.AsSpan(0, bodyLength), bytes.AsSpan(bodyLength));
        return bytes;
    }

    private static bool IsWhole(byte[] bytes, int valueCount) =>
        bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic)
        && BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(Magic.Length)) == valueCount
        && SHA256.HashData(bytes.AsSpan(0, bytes.Length - DigestLength)).AsSpan().SequenceEqual(bytes.AsSpan(bytes.Length - DigestLength));

    private void MakeRoom()
    {
        FileInfo[] files = [.. new DirectoryInfo(path).EnumerateFiles($"*{Extension}").OrderBy(static file => file.LastWriteTimeUtc)];
        long total = files.Sum(static file => file.Length);
        foreach (FileInfo file in files)
        {
            if (total <= byteLimit)
                break;
            total -= file.Length;
            TryDelete(file.FullName);
        }
    }

    private static void MarkUsed(string file)
    {
        try
        {
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A folder that may only be read serves all the same.
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Another process holds it, or took it away first.
        }
    }

    private string FileOf(MediaKey key) => Path.Combine(path, key.Hash + Extension);
}
