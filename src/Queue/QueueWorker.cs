using System.Collections.Concurrent;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using Tessera.Annotation;

namespace Tessera.Queue;

/// <summary>What a worker may do, and how it names itself.</summary>
public sealed record WorkerOptions
{
    /// <summary>Reads a picture that lies where its path says; throws what <see cref="PromptImage.FromFileAsync"/> does.</summary>
    public required Func<string, CancellationToken, Task<PromptImage>> OpenAsync { get; init; }

    /// <summary>Answers that are decoded together.</summary>
    public int AnswerCount { get; init; } = PictureAnnotator.UsualAnswerCount;

    /// <summary>Ends the work when none has come for so long; null waits for ever.</summary>
    public TimeSpan? Idle { get; init; }

    /// <summary>After how long without a sign of life a worker's pictures go to another one.</summary>
    public TimeSpan AckWait { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>Takes pictures from the queue, asks about them, and puts the lines back, until it is stopped. Whatever kills it, the pictures
/// that it had go to another worker.</summary>
public sealed class QueueWorker(QueueConnection queue, MultimodalModel model, WorkerOptions options)
{
    // Pictures that are fetched and encoded before there is room for their answers.
    private const int Ahead = 4;

    // Each has one request waiting at the server.
    private const int MostWorkers = 16_384;
    private static readonly TimeSpan FetchTime = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<INatsJSMsg<byte[]>, byte> held = new();
    private readonly WorkerDesk desk = new(queue, model, options);
    private INatsJSConsumer? consumer;
    private long lastWork = Environment.TickCount64;

    /// <summary>Told of each line.</summary>
    public event Action<AnnotationLine>? Done;

    /// <summary>Works until it is cancelled, or has been idle for as long as its options say.</summary>
    /// <exception cref="TesseraException">The server is away for too long.</exception>
    /// <exception cref="ModelFileException">The weights changed on the disk.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var places = new SemaphoreSlim(options.AnswerCount + Ahead);
        Task alive = KeepAsync(stop.Token);
        var running = new ConcurrentDictionary<Task, byte>();
        try
        {
            while (!IsIdle(running.IsEmpty))
            {
                int count = await TakePlacesAsync(places, stop.Token).ConfigureAwait(false);
                int fetched = await queue
                    .PersistAsync(token => FetchAsync(count, message => Start(message, places, running, stop), token), stop.Token)
                    .ConfigureAwait(false);
                if (fetched < count)
                    places.Release(count - fetched);
                await ThrowFirstAsync(running).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            await ThrowFirstAsync(running).ConfigureAwait(false);
            throw;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll([alive, .. running.Keys]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool IsIdle(bool nothingRuns) =>
        nothingRuns && options.Idle is { } idle && Environment.TickCount64 - Volatile.Read(ref lastWork) > idle.TotalMilliseconds;

    private static async Task<int> TakePlacesAsync(SemaphoreSlim places, CancellationToken cancellationToken)
    {
        await places.WaitAsync(cancellationToken).ConfigureAwait(false);
        int count = 1;
        while (places.Wait(0, CancellationToken.None))
            count++;
        return count;
    }

    private async Task<int> FetchAsync(int count, Action<INatsJSMsg<byte[]>> start, CancellationToken cancellationToken)
    {
        INatsJSConsumer from = consumer ??= await OpenAsync(cancellationToken).ConfigureAwait(false);
        int fetched = 0;
        var wanted = new NatsJSFetchOpts { MaxMsgs = count, Expires = options.Idle < FetchTime ? TimeSpan.FromSeconds(1) : FetchTime };
        try
        {
            await foreach (
                INatsJSMsg<byte[]> message in from.FetchAsync<byte[]>(wanted, cancellationToken: cancellationToken).ConfigureAwait(false)
            )
            {
                fetched++;
                start(message);
            }

            return fetched;
        }
        catch
        {
            // The server may have lost it.
            consumer = null;
            // What has begun holds its places.
            if (fetched > 0)
                return fetched;
            throw;
        }
    }

    private async Task<INatsJSConsumer> OpenAsync(CancellationToken cancellationToken) =>
        await queue
            .JetStream.CreateOrUpdateConsumerAsync(
                QueueNames.WorkStream,
                new ConsumerConfig(QueueNames.Workers)
                {
                    AckWait = options.AckWait,
                    MaxAckPending = -1,
                    MaxWaiting = MostWorkers,
                    AckPolicy = ConsumerConfigAckPolicy.Explicit,
                },
                cancellationToken
            )
            .ConfigureAwait(false);

    private void Start(
        INatsJSMsg<byte[]> message,
        SemaphoreSlim places,
        ConcurrentDictionary<Task, byte> running,
        CancellationTokenSource stop
    )
    {
        Volatile.Write(ref lastWork, Environment.TickCount64);
        held.TryAdd(message, 0);
        Task work = Task.Run(() => WorkAsync(message, stop.Token), CancellationToken.None);
        running.TryAdd(work, 0);
        _ = work.ContinueWith(
            ended =>
            {
                Volatile.Write(ref lastWork, Environment.TickCount64);
                held.TryRemove(message, out _);
                // A failure stays to be seen, and stops the rest.
                if (ended.IsCompletedSuccessfully)
                    running.TryRemove(ended, out byte _);
                else if (!stop.IsCancellationRequested)
                    stop.Cancel();
                if (!stop.IsCancellationRequested)
                    places.Release();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );
    }

    private async Task WorkAsync(INatsJSMsg<byte[]> message, CancellationToken cancellationToken)
    {
        try
        {
            if (await desk.AnswerAsync(message, cancellationToken).ConfigureAwait(false) is { } line)
                Done?.Invoke(line);
            await message.AckAsync(new AckOpts { DoubleAck = true }, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            await GiveBackAsync(message).ConfigureAwait(false);
            throw;
        }
        catch (Exception failure) when (MayPass(failure))
        {
            // The result is there; when the picture comes again, somebody sees that.
        }
    }

    private static bool MayPass(Exception failure) =>
        failure is NatsException or IOException or TimeoutException or OperationCanceledException;

    private static async Task GiveBackAsync(INatsJSMsg<byte[]> message)
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await message.NakAsync(cancellationToken: limit.Token).ConfigureAwait(false);
        }
        catch (Exception failure) when (MayPass(failure))
        {
            // Then it goes to another one when its time is over.
        }
    }

    private static async Task ThrowFirstAsync(ConcurrentDictionary<Task, byte> running)
    {
        if (running.Keys.FirstOrDefault(static task => task.IsFaulted) is { } failed)
            await failed.ConfigureAwait(false);
    }

    // Says of all pictures here that they are being worked on.
    private async Task KeepAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(options.AckWait / 3, cancellationToken).ConfigureAwait(false);
            foreach (INatsJSMsg<byte[]> message in held.Keys)
            {
                try
                {
                    await message.AckProgressAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
                }
                catch (Exception failure) when (MayPass(failure) && !cancellationToken.IsCancellationRequested)
                {
                    // The server is away; whoever fetches sees that.
                }
            }
        }
    }
}
