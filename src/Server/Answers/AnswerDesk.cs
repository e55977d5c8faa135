using System.Threading.Channels;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Look;
using Tessera.Server.Models;

namespace Tessera.Server.Answers;

/// <summary>Takes requests for answers: as many at once as the server is told, some more in a queue, and the others not.</summary>
internal sealed class AnswerDesk : IDisposable
{
    // Characters of a token; vocabularies have some of many spaces.
    private const int LongestToken = 256;
    private readonly ModelShelf shelf;
    private readonly ServerMetrics metrics;
    private readonly ConcurrencyLimiter limiter;
    private readonly CancellationTokenSource lifetime = new();
    private readonly ServerOptions options;

    public AnswerDesk(ServerOptions options, ModelShelf shelf, ServerMetrics metrics)
    {
        (this.options, this.shelf, this.metrics) = (options, shelf, metrics);
        limiter = new ConcurrencyLimiter(
            new ConcurrencyLimiterOptions
            {
                PermitLimit = options.ParallelAnswerCount,
                QueueLimit = options.QueueLimit,
                QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
            }
        );
        metrics.Observe(() => limiter.GetStatistics()!, () => shelf.Loaded.Count);
    }

    /// <summary>Begins an answer.</summary>
    /// <param name="call">What to answer.</param>
    /// <param name="context">Who asks: when it leaves, the answer stops.</param>
    /// <exception cref="ApiException">It is refused.</exception>
    public async Task<RunningAnswer> StartAsync(AnswerCall call, HttpContext context)
    {
        shelf.Find(call.Model);
        var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.Token);
        IDisposable? turn = null;
        ModelLease? lease = null;
        try
        {
            turn = await TakeTurnAsync(stop.Token);
            lease = await shelf.LeaseAsync(call.Model, call.KeepAlive, stop.Token);
            RequireRoom(call, lease.Model);
            IReadOnlyList<LookDocument> pictures = PicturePlans.Of(call, lease.Model);
            var updates = Channel.CreateUnbounded<ChatResponseUpdate>(new UnboundedChannelOptions { SingleWriter = true });
            Task making = MakeAsync(call, lease, turn, updates.Writer, stop.Token);
            return new RunningAnswer(lease.Loaded.Name, pictures, lease.LoadTime, updates.Reader, making, stop);
        }
        catch
        {
            lease?.Dispose();
            turn?.Dispose();
            stop.Dispose();
            throw;
        }
    }

    /// <summary>Waits for a turn to use a model for something else than an answer.</summary>
    /// <exception cref="ApiException">Too many are waiting.</exception>
    public async Task<IDisposable> TakeTurnAsync(CancellationToken cancellationToken)
    {
        RateLimitLease turn = await limiter.AcquireAsync(1, cancellationToken);
        if (turn.IsAcquired)
            return turn;
        turn.Dispose();
        metrics.CountRefused();
        throw ApiException.Busy($"The server is busy: {options.QueueLimit} requests are waiting already, so ask again later.");
    }

    /// <summary>Stops all answers.</summary>
    public void StopAnswers() => lifetime.Cancel();

    public void Dispose()
    {
        lifetime.Cancel();
        limiter.Dispose();
    }

    // What cannot fit whatever its tokens are is not laid out and tokenized first.
    private static void RequireRoom(AnswerCall call, MultimodalModel model)
    {
        long characters = call.Messages.Sum(static message =>
            message.Contents.OfType<TextContent>().Sum(static part => (long)part.Text.Length)
        );
        if (characters > (long)model.ContextLength * LongestToken)
            throw new ApiException(
                StatusCodes.Status400BadRequest,
                $"The messages have {characters} characters, more than fit the context of {model.ContextLength} tokens.",
                "messages",
                "context_length_exceeded"
            );
    }

    // The turn ends with the answer's making, not with its reading: a slow reader holds up nobody.
    private async Task MakeAsync(
        AnswerCall call,
        ModelLease lease,
        IDisposable turn,
        ChannelWriter<ChatResponseUpdate> writer,
        CancellationToken cancellationToken
    )
    {
        Exception? failure = null;
        try
        {
            TesseraChatClient client = lease.Loaded.Client;
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(call.Messages, call.Options, cancellationToken))
            {
                writer.TryWrite(update);
                if (update.RawRepresentation is GenerationResult result)
                    metrics.Count(lease.Loaded.Name, result);
            }
        }
        catch (Exception problem)
        {
            failure = problem;
        }
        finally
        {
            lease.Dispose();
            turn.Dispose();
            writer.Complete(failure);
        }
    }
}
