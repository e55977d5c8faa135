using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
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
        int answered = 0,
            refused = 0;
        await Parallel.ForAsync(
            0,
            100,
            new ParallelOptions { MaxDegreeOfParallelism = 100 },
            async (index, _) =>
            {
                (string picture, string question) = Questions[index % Questions.Length];
                using var content = new StringContent(TinyServer.Request(picture, question), Encoding.UTF8, "application/json");
                using HttpResponseMessage response = await server.Http.PostAsync("/v1/chat/completions", content, CancellationToken.None);
                if (response.StatusCode == HttpStatusCode.TooManyRequests)
                {
                    Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
                    Interlocked.Increment(ref refused);
                    return;
                }

                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Assert.Equal(
                    expected[picture],
                    TextOf(JsonDocument.Parse(await response.Content.ReadAsStringAsync(CancellationToken.None)).RootElement)
                );
                Interlocked.Increment(ref answered);
            }
        );
        Assert.Equal(100, answered + refused);
        Assert.True(answered >= 10, $"{answered} answered, {refused} refused");
        Assert.Contains("tessera_queue_refused", await server.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_leaves_stops_its_answer()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { ParallelAnswerCount = 1, QueueLimit = 1 });
        for (int round = 0; round < 3; round++)
        {
            using (Stream stream = await BeginAsync(server))
                Assert.True(await stream.ReadAsync(new byte[64]) > 0);
            // The one place is free again long before the answer would have been over.
            (int status, JsonElement body) = await server.PostAsync("/v1/chat/completions", TinyServer.Request());
            Assert.Equal(200, status);
            Assert.Equal(TinyServer.Answer, TextOf(body));
        }
    }

    [Fact]
    public async Task A_slow_reader_holds_up_nobody()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { ParallelAnswerCount = 1, QueueLimit = 1 });
        using Stream unread = await BeginAsync(server);
        long started = Stopwatch.GetTimestamp();
        Assert.Equal(TinyServer.Answer, await TextAsync(server, "shapes.png", TinyServer.Question));
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60));
        // Nothing of it is lost for having been read late.
        using var reader = new StreamReader(unread);
        Assert.EndsWith("data: [DONE]", (await reader.ReadToEndAsync()).TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Told_to_stop_it_finishes_what_is_being_answered()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options);
        using Stream stream = await BeginAsync(server);
        Task stopping = server.Server.StopAsync();
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
            }
        );
        using Stream stream = await BeginAsync(server);
        Task stopping = server.Server.StopAsync();
        using var reader = new StreamReader(stream);
        Assert.Contains("The server is stopping", await reader.ReadToEndAsync(), StringComparison.Ordinal);
        await stopping.WaitAsync(TimeSpan.FromSeconds(10));
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
