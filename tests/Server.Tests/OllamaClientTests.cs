using OllamaSharp;
using OllamaSharp.Models;
using OllamaSharp.Models.Chat;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Ollama's API, by OllamaSharp.</summary>
public sealed class OllamaClientTests(TinyServer server) : IClassFixture<TinyServer>
{
    private static readonly string Picture = Convert.ToBase64String(TinyServer.Sample("shapes.png"));

    private OllamaApiClient Client => new(new HttpClient { BaseAddress = server.Address, Timeout = Patience.Limit }, TinyServer.Model);

    [Fact]
    public async Task It_chats_about_a_picture()
    {
        using OllamaApiClient client = Client;
        var request = new OllamaSharp.Models.Chat.ChatRequest
        {
            Messages = [new Message(ChatRole.User, TinyServer.Question, [Picture])],
            Options = new RequestOptions { Temperature = 0 },
        };
        string text = "";
        ChatDoneResponseStream? done = null;
        await foreach (ChatResponseStream? piece in client.ChatAsync(request))
        {
            text += piece!.Message.Content;
            done = piece as ChatDoneResponseStream ?? done;
        }

        Assert.Equal(TinyServer.Answer, text);
        Assert.Equal("stop", done!.DoneReason);
        Assert.True(done.PromptEvalCount > 64 && done.EvalCount > 5 && done.EvalDuration > 0 && done.TotalDuration > 0);
    }

    [Fact]
    public async Task It_generates_whole_or_streamed()
    {
        using OllamaApiClient client = Client;
        foreach (bool streams in (bool[])[true, false])
        {
            var request = new GenerateRequest
            {
                Prompt = TinyServer.Question,
                Images = [Picture],
                Stream = streams,
                Options = new RequestOptions { Temperature = 0 },
            };
            string text = "";
            await foreach (GenerateResponseStream? piece in client.GenerateAsync(request))
                text += piece!.Response;
            Assert.Equal(TinyServer.Answer, text);
        }
    }

    [Fact]
    public async Task It_tells_what_there_is_and_what_runs()
    {
        using OllamaApiClient client = Client;
        Model listed = Assert.Single(await client.ListLocalModelsAsync());
        Assert.Equal(TinyServer.Model, listed.Name);
        Assert.Equal("gguf", listed.Details.Format);
        DateTime asked = DateTime.UtcNow;
        await foreach (
            GenerateResponseStream? _ in client.GenerateAsync(
                new GenerateRequest
                {
                    Prompt = "Hi",
                    Options = new RequestOptions { NumPredict = 1 },
                }
            )
        ) { }
        RunningModel running = Assert.Single(await client.ListRunningModelsAsync());
        Assert.Equal(TinyServer.Model, running.Name);
        Assert.InRange(running.ExpiresAt.ToUniversalTime(), asked.AddMinutes(5), DateTime.UtcNow.AddMinutes(5));
        ShowModelResponse shown = await client.ShowModelAsync(TinyServer.Model);
        Assert.Contains("vision", shown.Capabilities!);
        Assert.Equal("llama", shown.Info.Architecture);
        Assert.NotEmpty(await client.GetVersionAsync());
        Assert.True(await client.IsRunningAsync());
    }

    [Fact]
    public async Task A_model_that_is_there_needs_no_pull_and_others_are_not_found()
    {
        using OllamaApiClient client = Client;
        var states = new List<string>();
        await foreach (PullModelResponse? state in client.PullModelAsync(TinyServer.Model))
            states.Add(state!.Status);
        Assert.Equal("success", states[^1]);
        (int status, System.Text.Json.JsonElement body) = await server.PostAsync("/api/pull", """{"model":"no-such-model-anywhere"}""");
        Assert.Equal(404, status);
        Assert.Contains("no-such-model-anywhere", body.GetProperty("error").GetString(), StringComparison.Ordinal);
        (status, body) = await server.PostAsync("/api/pull", """{"model":"http://127.0.0.1:1/x.gguf"}""");
        Assert.Equal(400, status);
    }

    [Fact]
    public async Task Texts_become_vectors()
    {
        using OllamaApiClient client = Client;
        EmbedResponse vectors = await client.EmbedAsync(new EmbedRequest { Model = TinyServer.Model, Input = ["a star", "a heart"] });
        Assert.Equal(2, vectors.Embeddings.Count);
        Assert.Equal(256, vectors.Embeddings[0].Length);
    }

    [Fact]
    public async Task An_answer_follows_a_schema()
    {
        (int status, System.Text.Json.JsonElement body) = await server.PostAsync(
            "/api/chat",
            $$"""
            {"model":"tiny:latest","stream":false,"messages":[{"role":"user","content":"What is it?","images":["{{Picture}}"]}],
            "format":{"type":"object","properties":{"count":{"type":"integer","minimum":0,"maximum":9} },"required":["count"]},"options":{"temperature":0} }
            """
        );
        Assert.Equal(200, status);
        string text = body.GetProperty("message").GetProperty("content").GetString()!;
        Assert.InRange(System.Text.Json.JsonDocument.Parse(text).RootElement.GetProperty("count").GetInt32(), 0, 9);
    }
}
