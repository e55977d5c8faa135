using System.ClientModel;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Models;
using OpenAI.Responses;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>OpenAI's own client, and Microsoft.Extensions.AI's over it.</summary>
public sealed class OpenAiClientTests(TinyServer server) : IClassFixture<TinyServer>
{
    private static readonly ChatCompletionOptions Greedy = new() { Temperature = 0, MaxOutputTokenCount = 40 };

    private OpenAIClient Client =>
        new(
            new ApiKeyCredential("unused"),
            new OpenAIClientOptions { Endpoint = new Uri(server.Address, "v1"), NetworkTimeout = Patience.Limit }
        );

    private ChatClient Chat => Client.GetChatClient(TinyServer.Model);

    private static UserChatMessage Question =>
        new(
            ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(TinyServer.Sample("shapes.png")), "image/png"),
            ChatMessageContentPart.CreateTextPart(TinyServer.Question)
        );

    [Fact]
    public async Task It_answers_about_a_picture_in_one_piece()
    {
        ChatCompletion answer = await Chat.CompleteChatAsync([Question], Greedy);
        Assert.Equal(TinyServer.Answer, answer.Content[0].Text);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Stop, answer.FinishReason);
        Assert.True(answer.Usage.InputTokenCount > 64);
        Assert.Equal(answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount, answer.Usage.TotalTokenCount);
    }

    [Fact]
    public async Task It_streams_the_same_answer_with_its_usage()
    {
        string text = "";
        ChatTokenUsage? usage = null;
        int pieces = 0;
        await foreach (StreamingChatCompletionUpdate update in Chat.CompleteChatStreamingAsync([Question], Greedy))
        {
            text += string.Concat(update.ContentUpdate.Select(static part => part.Text));
            pieces += update.ContentUpdate.Count;
            usage = update.Usage ?? usage;
        }

        Assert.Equal(TinyServer.Answer, text);
        Assert.True(pieces > 5);
        Assert.True(usage!.OutputTokenCount > 5);
    }

    [Fact]
    public async Task The_next_question_finds_its_beginning_again()
    {
        ChatCompletion first = await Chat.CompleteChatAsync([Question], Greedy);
        ChatCompletion second = await Chat.CompleteChatAsync(
            [Question, new AssistantChatMessage(first), new UserChatMessage("What colour is the star?")],
            Greedy
        );
        Assert.True(second.Usage.InputTokenDetails.CachedTokenCount >= 64);
    }

    [Fact]
    public async Task It_answers_in_json_that_follows_a_schema()
    {
        const string Schema =
            """{"type":"object","properties":{"shape":{"enum":["star","heart"]}},"required":["shape"],"additionalProperties":false}""";
        var options = new ChatCompletionOptions
        {
            Temperature = 0,
            MaxOutputTokenCount = 60,
            ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat("scene", BinaryData.FromString(Schema), null, true),
        };
        ChatCompletion answer = await Chat.CompleteChatAsync([Question], options);
        Assert.Contains(
            JsonDocument.Parse(answer.Content[0].Text).RootElement.GetProperty("shape").GetString()!,
            (string[])["star", "heart"]
        );
    }

    [Fact]
    public async Task Probabilities_come_with_each_token()
    {
        var options = new ChatCompletionOptions
        {
            Temperature = 0,
            MaxOutputTokenCount = 40,
            IncludeLogProbabilities = true,
            TopLogProbabilityCount = 3,
        };
        ChatCompletion answer = await Chat.CompleteChatAsync([Question], options);
        Assert.Equal(TinyServer.Answer, string.Concat(answer.ContentTokenLogProbabilities.Select(static token => token.Token)).Trim());
        Assert.All(
            answer.ContentTokenLogProbabilities,
            static token =>
            {
                Assert.Equal(3, token.TopLogProbabilities.Count);
                Assert.InRange(token.LogProbability, -9999, 0);
            }
        );
        var streamed = new List<ChatTokenLogProbabilityDetails>();
        await foreach (StreamingChatCompletionUpdate update in Chat.CompleteChatStreamingAsync([Question], options))
            streamed.AddRange(update.ContentTokenLogProbabilities);
        Assert.Equal(answer.ContentTokenLogProbabilities.Select(static token => token.Token), streamed.Select(static token => token.Token));
    }

    [Fact]
    public async Task Length_stop_and_seed_are_followed()
    {
        ChatCompletion cut = await Chat.CompleteChatAsync(
            [Question],
            new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 3 }
        );
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Length, cut.FinishReason);
        Assert.Equal(3, cut.Usage.OutputTokenCount);
        var stopping = new ChatCompletionOptions { Temperature = 0, StopSequences = { " star" } };
        Assert.Equal("This is a yellow", (await Chat.CompleteChatAsync([Question], stopping)).Value.Content[0].Text);
        var seeded = new ChatCompletionOptions
        {
            Temperature = 3,
            TopP = 1,
            Seed = 7,
            MaxOutputTokenCount = 12,
        };
        ChatCompletion one = await Chat.CompleteChatAsync([Question], seeded),
            other = await Chat.CompleteChatAsync([Question], seeded);
        Assert.Equal(one.Content[0].Text, other.Content[0].Text);
    }

    [Fact]
    public async Task Models_are_listed()
    {
        OpenAIModelCollection models = await Client.GetOpenAIModelClient().GetModelsAsync();
        Assert.Equal([TinyServer.Model], models.Select(static model => model.Id));
        Assert.Equal(TinyServer.Model, (await Client.GetOpenAIModelClient().GetModelAsync(TinyServer.Model)).Value.Id);
        ClientResultException missing = await Assert.ThrowsAsync<ClientResultException>(() =>
            Client.GetChatClient("gpt-none").CompleteChatAsync([Question])
        );
        Assert.Equal(404, missing.Status);
        Assert.Contains("model_not_found", missing.GetRawResponse()!.Content.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Texts_and_pictures_become_vectors_of_length_one()
    {
        EmbeddingClient embeddings = Client.GetEmbeddingClient(TinyServer.Model);
        OpenAIEmbeddingCollection vectors = await embeddings.GenerateEmbeddingsAsync(["a star", TinyServer.DataUri("heart.png")]);
        Assert.Equal(2, vectors.Count);
        foreach (OpenAIEmbedding vector in vectors)
            Assert.Equal(1, vector.ToFloats().ToArray().Sum(static value => value * value), 3);
    }

    [Fact]
    public async Task Responses_are_answered_whole_and_as_events()
    {
        ResponsesClient responses = Client.GetResponsesClient();
        var options = new CreateResponseOptions(
            TinyServer.Model,
            [
                ResponseItem.CreateUserMessageItem([
                    ResponseContentPart.CreateInputImagePart(new Uri(TinyServer.DataUri("shapes.png"))),
                    ResponseContentPart.CreateInputTextPart(TinyServer.Question),
                ]),
            ]
        )
        {
            Temperature = 0,
        };
        ResponseResult whole = await responses.CreateResponseAsync(options);
        Assert.Equal(TinyServer.Answer, whole.GetOutputText());
        Assert.True(whole.Usage.InputTokenCount > 64);
        string text = "";
        ResponseResult? ended = null;
        options.StreamingEnabled = true;
        await foreach (StreamingResponseUpdate update in await responses.CreateResponseStreamingAsync(options))
        {
            if (update is StreamingResponseOutputTextDeltaUpdate delta)
                text += delta.Delta;
            if (update is StreamingResponseCompletedUpdate completed)
                ended = completed.Response;
        }

        Assert.Equal(TinyServer.Answer, text);
        Assert.Equal(TinyServer.Answer, ended!.GetOutputText());
    }

    [Fact]
    public async Task Microsofts_chat_client_over_it_answers()
    {
        using IChatClient client = Chat.AsIChatClient();
        var question = new Microsoft.Extensions.AI.ChatMessage(
            ChatRole.User,
            [new DataContent(TinyServer.Sample("shapes.png"), "image/png"), new TextContent(TinyServer.Question)]
        );
        ChatResponse answer = await client.GetResponseAsync([question], new ChatOptions { Temperature = 0 });
        Assert.Equal(TinyServer.Answer, answer.Text);
        string streamed = "";
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync([question], new ChatOptions { Temperature = 0 }))
            streamed += update.Text;
        Assert.Equal(TinyServer.Answer, streamed);
    }
}
