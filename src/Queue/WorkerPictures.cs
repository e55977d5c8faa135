using NATS.Client.ObjectStore;
using NATS.Client.ObjectStore.Models;

namespace Tessera.Queue;

/// <summary>Pictures whose bytes travel: in the server's object store, under a name of their job.</summary>
internal sealed class WorkerPictures(QueueConnection queue)
{
    private INatsObjStore? store;

    /// <summary>Puts a picture there, unless it is there already.</summary>
    public Task PutAsync(string name, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        queue.PersistAsync(
            async stop =>
            {
                INatsObjStore objects = await StoreAsync(stop).ConfigureAwait(false);
                if (await FindAsync(objects, name, stop).ConfigureAwait(false) is { } there && there.Size == (ulong)data.Length)
                    return 0;
                using var stream = new MemoryStream(data.ToArray(), writable: false);
                await objects.PutAsync(name, stream, leaveOpen: false, stop).ConfigureAwait(false);
                return 0;
            },
            cancellationToken
        );

    /// <summary>Fetches a picture.</summary>
    /// <exception cref="ImageException">It is not there, or too large.</exception>
    public Task<PromptImage> GetAsync(string name, string path, CancellationToken cancellationToken) =>
        queue.PersistAsync(
            async stop =>
            {
                INatsObjStore objects = await StoreAsync(stop).ConfigureAwait(false);
                ObjectMetadata there =
                    await FindAsync(objects, name, stop).ConfigureAwait(false)
                    ?? throw new ImageException(path, "its bytes are not in the queue's object store.");
                if (there.Size > PromptImage.MaxByteLength)
                    throw new ImageException(path, $"it has more than {PromptImage.MaxByteLength / 1_000_000} MB: make it smaller first.");
                using var data = new BoundedStream((long)there.Size, path);
                try
                {
                    await objects.GetAsync(name, data, leaveOpen: true, stop).ConfigureAwait(false);
                }
                catch (NatsObjException failure)
                {
                    throw new ImageException(
                        path,
                        $"the queue's object store does not hold all of it ({failure.Message.TrimEnd('.')}).",
                        failure
                    );
                }

                return new PromptImage(data.ToArray(), path);
            },
            cancellationToken
        );

    /// <summary>Takes a picture away that nobody needs any more.</summary>
    public async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await (await StoreAsync(cancellationToken).ConfigureAwait(false)).DeleteAsync(name, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is NATS.Client.Core.NatsException or IOException or TimeoutException)
        {
            // It takes room and nothing else.
        }
    }

    private async Task<INatsObjStore> StoreAsync(CancellationToken cancellationToken) =>
        store ??= await queue
            .Objects.CreateObjectStoreAsync(new NatsObjConfig(QueueNames.PictureBucket), cancellationToken)
            .ConfigureAwait(false);

    private static async Task<ObjectMetadata?> FindAsync(INatsObjStore objects, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await objects.GetInfoAsync(name, showDeleted: false, cancellationToken).ConfigureAwait(false);
        }
        catch (NatsObjNotFoundException)
        {
            return null;
        }
    }

    // What is stored may be more than what was said of it.
    private sealed class BoundedStream(long length, string path) : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count)
        {
            Require(count);
            base.Write(buffer, offset, count);
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Require(buffer.Length);
            base.Write(buffer);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        private void Require(int count)
        {
            if (Length + count > length)
                throw new ImageException(path, "the queue's object store holds more of it than it says.");
        }
    }
}
