using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Output;

/// <summary>
/// The SHA-256 digests of a checkpoint's files, made on a thread of its own from what the conversion reads of them anyway; what it does not
/// read, or reads out of order, that thread reads itself.
/// </summary>
internal sealed class SourceDigests : IDisposable
{
    // As long as a chunk of a tensor; both stay in the processor's cache.
    private const int ReadByteLength = 1 << 20;
    private const int QueueLength = 16;

    private readonly Dictionary<WeightFile, FileDigest> weights;
    private readonly IReadOnlyList<(string Name, string Path)> texts;
    private readonly BlockingCollection<Offered> queue = new(QueueLength);
    private readonly CancellationToken cancellationToken;
    private readonly Task<IReadOnlyDictionary<string, string>> work;

    /// <param name="texts">The files that are read whole, by the names that are recorded.</param>
    /// <param name="weights">The files that are streamed, likewise.</param>
    /// <param name="cancellationToken">Stops the thread.</param>
    public SourceDigests(
        IReadOnlyList<(string Name, string Path)> texts,
        IEnumerable<(string Name, WeightFile File)> weights,
        CancellationToken cancellationToken
    )
    {
        this.texts = texts;
        this.weights = weights.ToDictionary(static pair => pair.File, static pair => new FileDigest(pair.Name));
        this.cancellationToken = cancellationToken;
        work = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>A buffer for a chunk, to be given back with <see cref="SharedBuffer.Release"/>.</summary>
    public static SharedBuffer Rent(int byteLength) => new SharedBuffer(byteLength).Share();

    /// <summary>Says that the buffer begins with what a file holds at an offset.</summary>
    public void Offer(WeightFile file, long offset, SharedBuffer buffer, int byteLength)
    {
        if (!weights.TryGetValue(file, out FileDigest? digest) || offset < digest.Promised)
            return;
        digest.Promised = offset + byteLength;
        queue.Add(new Offered(file, digest, offset, buffer.Share(), byteLength), cancellationToken);
    }

    /// <summary>Waits until all files are digested; gives the digests by the names.</summary>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public IReadOnlyDictionary<string, string> Finish()
    {
        queue.CompleteAdding();
        return work.GetAwaiter().GetResult();
    }

    /// <summary>Ends the thread and waits for it.</summary>
    public void Dispose()
    {
        queue.CompleteAdding();
        try
        {
            work.Wait(CancellationToken.None);
        }
        catch (AggregateException)
        {
            // Told by Finish, where anybody asks.
        }

        foreach (FileDigest digest in weights.Values)
            digest.Hash.Dispose();
        queue.Dispose();
    }

    private IReadOnlyDictionary<string, string> Work()
    {
        byte[] own = ArrayPool<byte>.Shared.Rent(ReadByteLength);
        try
        {
            foreach (Offered offered in queue.GetConsumingEnumerable(cancellationToken))
            {
                Catch(offered.File, offered.Digest, offered.Offset, own);
                offered.Digest.Append(offered.Buffer.Bytes.AsSpan(0, offered.ByteLength));
                offered.Buffer.Release();
            }

            var digests = texts.ToDictionary(static file => file.Name, static file => Digest(file.Path), StringComparer.Ordinal);
            foreach ((WeightFile file, FileDigest digest) in weights)
            {
                Catch(file, digest, file.ByteLength, own);
                digests[digest.Name] = Convert.ToHexStringLower(digest.Hash.GetHashAndReset());
            }

            return digests;
        }
        catch
        {
            // Whoever offers must not wait for a thread that is gone.
            foreach (Offered offered in queue.GetConsumingEnumerable(CancellationToken.None))
                offered.Buffer.Release();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(own);
        }
    }

    // Reads what nobody offered up to an offset.
    private void Catch(WeightFile file, FileDigest digest, long offset, byte[] buffer)
    {
        while (digest.Done < offset)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, offset - digest.Done));
            file.Read(digest.Done, chunk);
            digest.Append(chunk);
        }
    }

    private static string Digest(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the file cannot be read: {failure.Message}", failure);
        }
    }

    private readonly record struct Offered(WeightFile File, FileDigest Digest, long Offset, SharedBuffer Buffer, int ByteLength);

    private sealed class FileDigest(string name)
    {
        public string Name => name;

        public IncrementalHash Hash { get; } = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        /// <summary>Bytes that are digested or wait in the queue.</summary>
        public long Promised { get; set; }

        /// <summary>Bytes that are digested.</summary>
        public long Done { get; private set; }

        public void Append(ReadOnlySpan<byte> bytes)
        {
            Hash.AppendData(bytes);
            Done += bytes.Length;
        }
    }
}

/// <summary>Bytes that two threads read; the last who is done with them gives them back.</summary>
/// <param name="byteLength">What it holds at least.</param>
internal sealed class SharedBuffer(int byteLength)
{
    private int users;

    public byte[] Bytes { get; } = ArrayPool<byte>.Shared.Rent(byteLength);

    /// <summary>Counts one more user.</summary>
    public SharedBuffer Share()
    {
        Interlocked.Increment(ref users);
        return this;
    }

    /// <summary>Says that a user is done.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref users) == 0)
            ArrayPool<byte>.Shared.Return(Bytes);
    }
}
