using System.Collections.Concurrent;
using System.Text.Json;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using Tessera.Annotation;
using Tessera.Grammars;

namespace Tessera.Queue;

/// <summary>Reads what a message wants, asks about its picture, and publishes the line. What a message says is not trusted.</summary>
internal sealed class WorkerDesk(QueueConnection queue, MultimodalModel model, WorkerOptions options)
{
    // A picture that ends every worker that takes it is given up.
    private const int MostDeliveries = 20;
    private const int LongestWork = 1 << 16;
    private const int WrongSequence = 10071;
    private const int NotFound = 404;
    private const int KnownJobs = 256;
    private static readonly string Name = $"{Environment.MachineName}:{Environment.ProcessId}";
    private readonly ConcurrentDictionary<string, PictureAnnotator> jobs = new();
    private readonly ConcurrentDictionary<string, INatsJSStream> streams = new();
    private readonly WorkerPictures pictures = new(queue);

    /// <summary>Answers a message; null where there is nothing to be said: it is none of ours, has its line, or its job is over.</summary>
    public async Task<AnnotationLine?> AnswerAsync(INatsJSMsg<byte[]> message, CancellationToken cancellationToken)
    {
        if (!QueueNames.TryParse(message.Subject, out string? job, out PathKey key))
            return null;
        string subject = QueueNames.Result(job, key);
        if (await FindAsync(QueueNames.ResultStream, subject, cancellationToken).ConfigureAwait(false) is not null)
            return null;
        AnnotationLine? line = await LineAsync(message, job, key, cancellationToken).ConfigureAwait(false);
        if (line is null)
            return null;
        line = line with { Worker = Name, Model = Path.GetFileName(model.Path) };
        byte[] json = line.ToJson();
        if (json.Length > queue.MaxPayload / 2)
        {
            line = AnnotationLine.Failed("", $"The line has {json.Length} bytes, more than the queue takes.") with { Worker = Name };
            json = line.ToJson();
        }

        await queue.PersistAsync(stop => PublishAsync(subject, json, stop), cancellationToken).ConfigureAwait(false);
        return line;
    }

    private async Task<AnnotationLine?> LineAsync(INatsJSMsg<byte[]> message, string job, PathKey key, CancellationToken cancellationToken)
    {
        if (message.Metadata?.NumDelivered > MostDeliveries)
            return AnnotationLine.Failed("", $"{MostDeliveries} workers have taken it, and each ended before it was done.");
        try
        {
            WorkDocument work = Read(message.Data, key);
            PictureAnnotator? annotator = await AnnotatorOfAsync(job, cancellationToken).ConfigureAwait(false);
            if (annotator is null)
                return null;
            Func<CancellationToken, Task<PromptImage>> open = work.Object is { } name
                ? stop => pictures.GetAsync(name, work.Path, stop)
                : stop => options.OpenAsync(work.File ?? "", stop);
            return await annotator.AnnotateAsync(new AnnotationItem(work.Path, open), cancellationToken).ConfigureAwait(false);
        }
        catch (JsonException failure)
        {
            return AnnotationLine.Failed("", $"The queue holds something else than a picture ({failure.Message.TrimEnd('.')}).");
        }
        catch (Exception failure) when (failure is SchemaException or GrammarException or ArgumentException or InvalidOperationException)
        {
            return AnnotationLine.Failed("", $"The job cannot be done ({failure.Message.TrimEnd('.')}).");
        }
    }

    private static WorkDocument Read(byte[]? data, PathKey key)
    {
        if (data is null || data.Length > LongestWork)
            throw new JsonException("its length is wrong");
        WorkDocument? work = JsonSerializer.Deserialize(data, QueueJson.Default.WorkDocument);
        return work?.Path is not null && PathKey.Of(work.Path) == key ? work : throw new JsonException("its path and its key differ");
    }

    private async Task<PictureAnnotator?> AnnotatorOfAsync(string job, CancellationToken cancellationToken)
    {
        if (jobs.TryGetValue(job, out PictureAnnotator? known))
            return known;
        if (await FindAsync(QueueNames.JobStream, QueueNames.Job(job), cancellationToken).ConfigureAwait(false) is not { } data)
            return null;
        JobDocument document = JsonSerializer.Deserialize(data, QueueJson.Default.JobDocument) ?? throw new JsonException("no job");
        if (jobs.Count >= KnownJobs)
            jobs.Clear();
        return jobs.GetOrAdd(job, new PictureAnnotator(model, document.ToRequest()));
    }

    private Task<byte[]?> FindAsync(string stream, string subject, CancellationToken cancellationToken) =>
        queue.PersistAsync(
            async stop =>
            {
                if (!streams.TryGetValue(stream, out INatsJSStream? opened))
                    streams[stream] = opened = await queue.JetStream.GetStreamAsync(stream, null, stop).ConfigureAwait(false);
                NATS.Client.Core.NatsMsg<byte[]> last = await opened
                    .GetDirectAsync<byte[]>(new StreamMsgGetRequest { LastBySubj = subject }, cancellationToken: stop)
                    .ConfigureAwait(false);
                return last.Headers?.Code == NotFound ? null : last.Data;
            },
            cancellationToken
        );

    private async Task<int> PublishAsync(string subject, byte[] json, CancellationToken cancellationToken)
    {
        PubAckResponse answer = await queue
            .JetStream.PublishAsync(
                subject,
                json,
                opts: new NatsJSPubOpts { ExpectedLastSubjectSequence = 0 },
                cancellationToken: cancellationToken
            )
            .ConfigureAwait(false);
        // Somebody else was faster, or this one's last attempt arrived after all.
        if (answer.Error?.ErrCode != WrongSequence)
            answer.EnsureSuccess();
        return 0;
    }
}
