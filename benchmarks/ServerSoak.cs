using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Tessera.Engine.Tests;

namespace Tessera.Benchmarks;

/// <summary>
/// Clients of every kind at a running <c>tessera serve</c> on this machine for some time: they ask several models, leave in the middle,
/// send what is no request, and come back when they are refused. Told twice a minute: the server's memory, and what became of the requests.
/// </summary>
internal static class ServerSoak
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly (string Path, string Body, int Status)[] BadRequests =
    [
        ("/v1/chat/completions", "{", 400),
        ("/v1/chat/completions", """{"messages":[{"role":"king","content":"Hi"}]}""", 400),
        ("/v1/chat/completions", """{"model":"none","messages":[{"role":"user","content":"Hi"}]}""", 404),
        (
            "/v1/chat/completions",
            """{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://127.0.0.1/a"}}]}]}""",
            400
        ),
        ("/v1/responses", """{"input":7}""", 400),
        ("/v1/nothing", "{}", 404),
        ("/api/chat", """{"model":7}""", 400),
        ("/v1/embeddings", """{"input":[]}""", 400),
    ];

    /// <param name="args">The server's address, clients, seconds, the server's process id, and the models' names.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        int[] numbers = [.. args[1..4].Select(static text => int.Parse(text, CultureInfo.InvariantCulture))];
        (int clients, int seconds, int process) = (numbers[0], numbers[1], numbers[2]);
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = clients })
        {
            BaseAddress = new Uri(args[0]),
            Timeout = TimeSpan.FromMinutes(5),
        };
        var soak = new Soak(http, args[4..]);
        await soak.LearnAsync();
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        Task watching = WatchAsync(process, soak, end.Token);
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => soak.RunClientAsync(client, end.Token)));
        await watching;
        Console.WriteLine(soak);
        return soak.IsClean ? 0 : 1;
    }

    private static async Task WatchAsync(int process, Soak soak, CancellationToken stop)
    {
        long started = Stopwatch.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            using var server = Process.GetProcessById(process);
            int elapsed = (int)Stopwatch.GetElapsedTime(started).TotalSeconds;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{elapsed, 5} s: {server.WorkingSet64 / 1e6:0} MB, {soak}"));
            await Task.Delay(TimeSpan.FromSeconds(30), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private sealed class Soak(HttpClient http, string[] models)
    {
        private static readonly string[] Pictures = ["shapes.png", "word.png", "number.png", "heart.png"];
        private readonly Dictionary<(string Model, string Picture), string> expected = [];
        private int answers,
            refused,
            left,
            bad,
            wrong,
            failed;

        public bool IsClean => wrong + failed == 0;

        /// <summary>Asks once what will be asked often.</summary>
        public async Task LearnAsync()
        {
            foreach (string model in models)
            foreach (string picture in Pictures)
                expected[(model, picture)] = (await AskAsync(model, picture))!;
            answers = 0;
        }

        public async Task RunClientAsync(int client, CancellationToken stop)
        {
            for (int round = client; !stop.IsCancellationRequested; round++)
            {
                string model = models[round / 7 % models.Length],
                    picture = Pictures[round % Pictures.Length];
                try
                {
                    await (
                        (round % 10) switch
                        {
                            0 => LeaveAsync(model, picture),
                            1 => MistakeAsync(BadRequests[round / 10 % BadRequests.Length]),
                            _ => CompareAsync(model, picture),
                        }
                    );
                }
                catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException or IOException)
                {
                    Interlocked.Increment(ref failed);
                    Console.WriteLine($"{failure.GetType().Name}: {failure.Message}");
                }
            }
        }

        public override string ToString() =>
            $"{answers} answers, {refused} refused, {left} left, {bad} mistakes, {wrong} wrong, {failed} failed";

        private async Task CompareAsync(string model, string picture)
        {
            string? text = await AskAsync(model, picture);
            if (text is null)
                await Task.Delay(Pause);
            else if (text != expected[(model, picture)])
                Interlocked.Increment(ref wrong);
        }

        private async Task<string?> AskAsync(string model, string picture)
        {
            using HttpResponseMessage response = await http.SendAsync(Question(model, picture, streams: false));
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Interlocked.Increment(ref refused);
                return null;
            }

            response.EnsureSuccessStatusCode();
            using JsonDocument document = JsonDocument.Parse(await response.Content.ReadAsStreamAsync());
            Interlocked.Increment(ref answers);
            return document.RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
        }

        private async Task LeaveAsync(string model, string picture)
        {
            using HttpResponseMessage response = await http.SendAsync(
                Question(model, picture, streams: true),
                HttpCompletionOption.ResponseHeadersRead
            );
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
                Interlocked.Increment(ref refused);
            else
            {
                response.EnsureSuccessStatusCode();
                await using Stream stream = await response.Content.ReadAsStreamAsync();
                await stream.ReadExactlyAsync(new byte[16]);
                Interlocked.Increment(ref left);
            }
        }

        private async Task MistakeAsync((string Path, string Body, int Status) mistake)
        {
            using var content = new StringContent(mistake.Body, Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync(mistake.Path, content);
            Interlocked.Increment(ref ((int)response.StatusCode == mistake.Status ? ref bad : ref wrong));
            await Task.Delay(Pause);
        }

        private static HttpRequestMessage Question(string model, string picture, bool streams)
        {
            string data = Convert.ToBase64String(File.ReadAllBytes(RepositoryRoot.Path("samples", picture)));
            string body = $$"""
                {"model":"{{model}}","stream":{{(
                    streams ? "true" : "false"
                )}},"temperature":0,"max_tokens":40,"messages":[{"role":"user","content":[
                {"type":"image_url","image_url":{"url":"data:image/png;base64,{{data}}"} },{"type":"text","text":"What is in this picture?"}]}]}
                """;
            return new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(body, Encoding.UTF8, "application/json"),
            };
        }
    }
}
