using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Tessera.Engine.Tests;

namespace Tessera.Benchmarks;

/// <summary>
/// Clients that ask a running <c>tessera serve</c> on this machine about the pictures of samples/, each one's answer compared with the
/// first one to the same question: tokens per second, refusals, answers mixed up, and the server's memory once a minute.
/// </summary>
internal static class ServerLoad
{
    private static readonly (string Picture, string Question)[] Questions =
    [
        ("shapes.png", "What is in this picture?"),
        ("word.png", "What does it say?"),
        ("number.png", "What number is this?"),
        ("heart.png", "What is in this picture?"),
    ];

    /// <param name="args">The server's address; clients, seconds, the most tokens of an answer (0: questions about pictures, else talk of
    /// that many), and the server's process id, 0 for none.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        int[] numbers = [.. args[1..].Select(static text => int.Parse(text, CultureInfo.InvariantCulture))];
        (int clients, int seconds, int tokens, int process) = (numbers[0], numbers[1], numbers[2], numbers[3]);
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = clients })
        {
            BaseAddress = new Uri(args[0]),
            Timeout = TimeSpan.FromMinutes(5),
        };
        var counts = new Counts();
        string[] bodies =
            tokens > 0 ? [.. Enumerable.Range(0, clients).Select(index => Talk(index, tokens))] : [.. Questions.Select(Question)];
        var expected = new string?[bodies.Length];
        if (tokens == 0)
            for (int index = 0; index < bodies.Length; index++)
                expected[index] = (await AskAsync(http, bodies[index], counts))?.Text;
        counts.Reset();
        long started = Stopwatch.GetTimestamp();
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        Task watching = process > 0 ? WatchAsync(process, started, counts, end.Token) : Task.CompletedTask;
        await Task.WhenAll(
            Enumerable.Range(0, clients).Select(client => RunClientAsync(http, client, bodies, expected, counts, end.Token))
        );
        await watching;
        double elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{clients} clients, {elapsed:0.0} s: {counts.Answers} answers, {counts.Tokens / elapsed:0.0} tokens/s, "
                    + $"{counts.Refused} refused, {counts.Wrong} mixed up, {counts.Failed} failed"
            )
        );
        return counts.Wrong + counts.Failed > 0 ? 1 : 0;
    }

    private static async Task RunClientAsync(
        HttpClient http,
        int client,
        string[] bodies,
        string?[] expected,
        Counts counts,
        CancellationToken stop
    )
    {
        for (int round = client; !stop.IsCancellationRequested; round++)
        {
            int index = round % bodies.Length;
            (string Text, int Tokens)? answer = await AskAsync(http, bodies[index], counts);
            if (answer is null)
                await Task.Delay(50, CancellationToken.None);
            else if (expected[index] is { } right && right != answer.Value.Text)
                Interlocked.Increment(ref counts.Wrong);
        }
    }

    private static async Task<(string Text, int Tokens)?> AskAsync(HttpClient http, string body, Counts counts)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        try
        {
            using HttpResponseMessage response = await http.PostAsync("/v1/chat/completions", content);
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Interlocked.Increment(ref counts.Refused);
                return null;
            }

            response.EnsureSuccessStatusCode();
            using JsonDocument document = JsonDocument.Parse(await response.Content.ReadAsStreamAsync());
            int tokens = document.RootElement.GetProperty("usage").GetProperty("completion_tokens").GetInt32();
            Interlocked.Increment(ref counts.Answers);
            Interlocked.Add(ref counts.Tokens, tokens);
            return (document.RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!, tokens);
        }
        catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException)
        {
            Interlocked.Increment(ref counts.Failed);
            Console.WriteLine(failure.Message);
            return null;
        }
    }

    private static async Task WatchAsync(int process, long started, Counts counts, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using var server = Process.GetProcessById(process);
            int elapsed = (int)Stopwatch.GetElapsedTime(started).TotalSeconds;
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{elapsed, 5} s: {server.WorkingSet64 / 1e6:0} MB, {counts.Answers} answers, {counts.Refused} refused, "
                        + $"{counts.Wrong} mixed up"
                )
            );
            await Task.Delay(TimeSpan.FromSeconds(30), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static string Question((string Picture, string Question) asked)
    {
        string data = Convert.ToBase64String(File.ReadAllBytes(RepositoryRoot.Path("samples", asked.Picture)));
        return $$"""
            {"temperature":0,"max_tokens":40,"messages":[{"role":"user","content":[
            {"type":"image_url","image_url":{"url":"data:image/png;base64,{{data}}"} },{"type":"text","text":"{{asked.Question}}"}]}]}
            """;
    }

    // Models of random weights (docs/performance.md) hardly ever end an answer before it is cut.
    private static string Talk(int client, int tokens) =>
        $$"""{"temperature":1,"seed":{{client}},"max_tokens":{{tokens}},"messages":[{"role":"user","content":"Client {{client}}: talk."}]}""";

    private sealed class Counts
    {
        public int Answers;
        public int Tokens;
        public int Refused;
        public int Wrong;
        public int Failed;

        public void Reset() => (Answers, Tokens, Refused, Wrong, Failed) = (0, 0, 0, 0, 0);
    }
}
