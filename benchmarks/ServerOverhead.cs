using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tessera.Engine.Tests;
using Tessera.Server;

namespace Tessera.Benchmarks;

/// <summary>What a request costs beside the library's answer to the same prompt: both in turn, in one process, with the small
/// model.</summary>
internal static class ServerOverhead
{
    private const int Rounds = 200;
    private const string Question = "What is in this picture?";

    public static async Task<int> RunAsync()
    {
        var files = new ModelOptions
        {
            ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
            ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
        };
        await using MultimodalModel model = await MultimodalModel.LoadAsync(files);
        await using TesseraServer server = await TesseraServer.StartAsync(
            new ServerOptions { Models = () => [new ServedModel("tiny", files)], Port = 0 }
        );
        using var http = new HttpClient { BaseAddress = new Uri(server.Addresses[0]) };
        foreach (string? picture in (string?[])[null, "shapes.png"])
        foreach (int tokens in (int[])[1, 32])
            await MeasureAsync(model, http, picture, tokens);
        return 0;
    }

    private static async Task MeasureAsync(MultimodalModel model, HttpClient http, string? picture, int tokens)
    {
        byte[]? bytes = picture is null ? null : await File.ReadAllBytesAsync(RepositoryRoot.Path("samples", picture));
        var prompt = new Prompt(Question) { Images = bytes is null ? [] : [new PromptImage(bytes, picture!)] };
        var options = new GenerationOptions { Temperature = 0, MaxTokens = tokens };
        string image = bytes is null
            ? ""
            : $$"""{"type":"image_url","image_url":{"url":"data:image/png;base64,{{Convert.ToBase64String(bytes)}}"} },""";
        string body =
            $$"""{"temperature":0,"max_tokens":{{tokens}},"messages":[{"role":"user","content":[{{image}}{"type":"text","text":"{{Question}}"}]}]}""";
        var library = new List<double>();
        var served = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            long started = Stopwatch.GetTimestamp();
            await model.AnswerAsync(prompt, options);
            library.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            started = Stopwatch.GetTimestamp();
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync("/v1/chat/completions", content);
            response.EnsureSuccessStatusCode();
            await response.Content.ReadAsStringAsync();
            served.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{picture ?? "text", -10} {tokens, 3} tokens: library {Median(library):0.00} ms, served {Median(served):0.00} ms"
            )
        );
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
