using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tessera.Server.Answers;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Many clients at once, some of them slow or gone.</summary>
public sealed class LoadTests
{
    private static readonly (string Picture, string Question)[] Questions =
    [
        ("shapes.png", TinyServer.Question),
        ("word.png", "What does it say?"),
        ("number.png", "What number is this?"),
        ("heart.png", TinyServer.Question),
    ];

    // Answers until the context is full.
    private static string Endless(bool streams) =>
        """{"messages":[{"role":"user","content":"Say everything."}],"max_tokens":1800,"seed":1,"response_format":"""
        + """{"type":"json_schema","json_schema":{"schema":{"type":"array","items":{"enum":["star"]},"minItems":900} } }"""
        + (streams ? ",\"stream\":true}" : "}");

    [Fact]
    public async Task Beyond_the_queue_there_is_429_and_no_answer_is_anothers()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { ParallelAnswerCount = 4, QueueLimit = 6 });
        var expected = new Dictionary<string, string>();
        foreach ((string picture, string question) in Questions)
            expected[picture] = await TextAsync(server, picture, question);
        Assert.Equal(Questions.Length, expected.Values.Distinct().Count());
        AnswerDesk desk = server.Server.Services.GetRequiredService<AnswerDesk>();
        IDisposable[] turns = [.. await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => desk.TakeTurnAsync(CancellationToken.None)))];
        int refused = 0;
        var othersWait = new TaskCompletionSource();
        async Task AskAsync(int index)
        {
            (string picture, string question) = Questions[index % Questions.Length];
            using var content = new StringContent(TinyServer.Request(picture, question), Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await server.Http.PostAsync("/v1/chat/completions", content);
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
                if (Interlocked.Increment(ref refused) == 94)
                    othersWait.SetResult();
                return;
            }

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(expected[picture], TextOf(JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement));
        }

        // With all places taken, six wait.
        Task all = Task.WhenAll(Enumerable.Range(0, 100).Select(AskAsync));
        await Task.WhenAny(all, othersWait.Task);
        foreach (IDisposable turn in turns)
            turn.Dispose();
        await all;
        Assert.Equal(94, refused);
        // Ten at a time have four places and a queue of six.
        await Parallel.ForAsync(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 10 }, async (index, _) => await AskAsync(index));
        Assert.Equal(94, refused);
        Assert.Contains("tessera_queue_refused", await server.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_leaves_stops_its_answer()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { ParallelAnswerCount = 1, QueueLimit = 1 });
        using AnswerHold hold = await server.HoldAsync();
        for (int round = 0; round < 3; round++)
        {
            using (Stream stream = await BeginAsync(server, hold))
            {
                Task<int> read = stream.ReadAsync(new byte[64]).AsTask();
                await hold.StepUntilAsync(read);
                Assert.True(await read > 0);
            }

            // The one place is free again long before the answer would have been over.
            Task<(int Status, JsonElement Body)> next = server.PostAsync("/v1/chat/completions", TinyServer.Request());
            await hold.StepUntilAsync(next);
            Assert.Equal(200, (await next).Status);
            Assert.Equal(TinyServer.Answer, TextOf((await next).Body));
        }

        // None that was left was made to its end.
        Assert.Matches(@"(?m)^tessera_answers_total\{[^}]*\} 3$", await server.Http.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task A_slow_reader_holds_up_nobody()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { ParallelAnswerCount = 1, QueueLimit = 1 });
        using Stream unread = await BeginAsync(server);
        Assert.Equal(TinyServer.Answer, await TextAsync(server, "shapes.png", TinyServer.Question));
        // Nothing of it is lost for having been read late.
        using var reader = new StreamReader(unread);
        Assert.EndsWith("data: [DONE]", (await reader.ReadToEndAsync()).TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Told_to_stop_it_finishes_what_is_being_answered()
    {
        ServerOptions options = TinyServer.Options with { ShutdownTimeout = Patience.Limit };
        await using TinyServer server = await TinyServer.StartAsync(options);
        Task stopping;
        Stream stream;
        using (AnswerHold hold = await server.HoldAsync())
        {
            stream = await BeginAsync(server, hold);
            stopping = server.Server.StopAsync();
        }

        using var reader = new StreamReader(stream);
        Assert.EndsWith("data: [DONE]", (await reader.ReadToEndAsync()).TrimEnd(), StringComparison.Ordinal);
        await stopping;
        await Assert.ThrowsAsync<HttpRequestException>(() => server.Http.GetAsync("/health"));
    }

    [Fact]
    public async Task Told_to_stop_with_no_time_left_it_ends_answers_with_an_error()
    {
        await using TinyServer server = await TinyServer.StartAsync(
            TinyServer.Options with
            {
                ShutdownTimeout = TimeSpan.FromMilliseconds(50),
                StopTime = Patience.Limit,
            }
        );
        using AnswerHold hold = await server.HoldAsync();
        using var reader = new StreamReader(await BeginAsync(server, hold));
        Task stopping = server.Server.StopAsync();
        Task<string> read = reader.ReadToEndAsync();
        await hold.StepUntilAsync(read);
        Assert.Contains("The server is stopping", await read, StringComparison.Ordinal);
        await stopping.WaitAsync(Patience.Limit);
    }

    // An answer that is held goes on until there is something to read of it.
    private static async Task<Stream> BeginAsync(TinyServer server, AnswerHold hold)
    {
        Task<Stream> begun = BeginAsync(server);
        await hold.StepUntilAsync(begun);
        return await begun;
    }

    private static async Task<Stream> BeginAsync(TinyServer server)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(Endless(streams: true), Encoding.UTF8, "application/json"),
        };
        HttpResponseMessage response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStreamAsync();
    }

    private static async Task<string> TextAsync(TinyServer server, string picture, string question)
    {
        (int status, JsonElement body) = await server.PostAsync("/v1/chat/completions", TinyServer.Request(picture, question));
        Assert.Equal(200, status);
        return TextOf(body);
    }

    private static string TextOf(JsonElement body) =>
        body.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
}
