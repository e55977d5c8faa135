using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.Models;

namespace Tessera.Server.Ollama;

/// <summary><c>POST /api/pull</c>: fetches a model of the catalogue, or of a hub's repository. Addresses are not taken: whoever may ask
/// for answers need not be able to make this machine connect to others.</summary>
internal sealed class OllamaPull(ModelShelf shelf, RequestBody bodies)
{
    public async Task HandleAsync(HttpContext context)
    {
        (string name, bool streams) = await ReadAsync(context);
        if (name.Contains("://", StringComparison.Ordinal))
            throw ApiException.Field("model", "is an address: this server pulls names of the catalogue and hf:owner/repo only.");
        var stream = new EventStream(context, isLines: true);
        if (shelf.Served.Any(model => model.Name == name))
        {
            await EndAsync(context, stream, streams);
            return;
        }

        if (!streams)
        {
            await ModelCatalog.PullAsync(name, null, null, context.RequestAborted);
            await EndAsync(context, stream, streams);
            return;
        }

        await StreamAsync(context, name, stream);
    }

    private async Task<(string Name, bool Streams)> ReadAsync(HttpContext context)
    {
        using PendingBody pending = await bodies.ReadAsync(context);
        Fields body = pending.Fields;
        string name = body.Text("model") ?? body.Text("name") ?? throw body.Missing("model");
        if (name.EndsWith(":latest", StringComparison.Ordinal))
            name = name[..^":latest".Length];
        return (name, body.Flag("stream") ?? true);
    }

    private static async Task StreamAsync(HttpContext context, string name, EventStream stream)
    {
        // Of what comes faster than it is read, the newest is enough.
        var progress = Channel.CreateBounded<PullProgress>(new BoundedChannelOptions(16) { FullMode = BoundedChannelFullMode.DropOldest });
        Task pull = ModelCatalog.PullAsync(name, null, new Reporter(progress.Writer), context.RequestAborted);
        _ = pull.ContinueWith(_ => progress.Writer.TryComplete(), TaskScheduler.Default);
        try
        {
            // Before anything is sent, a name that is not known has a status of its own.
            if (!await progress.Reader.WaitToReadAsync(context.RequestAborted))
                await pull;
            await stream.SendAsync(new OllamaPullStatus("pulling manifest"), ServerJson.Plain.OllamaPullStatus);
            await foreach (PullProgress at in progress.Reader.ReadAllAsync(context.RequestAborted))
            {
                var status = new OllamaPullStatus(at.IsVerifying ? "verifying sha256 digest" : $"pulling {at.File}")
                {
                    Digest = at.File,
                    Total = at.TotalBytes > 0 ? at.TotalBytes : null,
                    Completed = at.DoneBytes,
                };
                await stream.SendAsync(status, ServerJson.Plain.OllamaPullStatus);
            }

            await pull;
        }
        catch (Exception failure) when (context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            await stream.SendAsync(ApiErrors.Body(context, failure));
            return;
        }

        await stream.SendAsync(new OllamaPullStatus("success"), ServerJson.Plain.OllamaPullStatus);
    }

    private static Task EndAsync(HttpContext context, EventStream stream, bool streams) =>
        streams
            ? stream.SendAsync(new OllamaPullStatus("success"), ServerJson.Plain.OllamaPullStatus)
            : Documents.WriteAsync(context, new OllamaPullStatus("success"), ServerJson.Plain.OllamaPullStatus);

    private sealed class Reporter(ChannelWriter<PullProgress> writer) : IProgress<PullProgress>
    {
        public void Report(PullProgress value) => writer.TryWrite(value);
    }
}
