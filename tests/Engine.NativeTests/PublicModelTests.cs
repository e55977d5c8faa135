using System.Net;

namespace Tessera.Engine.NativeTests;

/// <summary>What .NET programs see: answers in one piece, given turns, tokens, probabilities, pictures from elsewhere.</summary>
public sealed class PublicModelTests
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 12 };
    private static readonly string Picture = RepositoryRoot.Path("samples", "shapes.png");

    [Fact]
    public async Task A_question_about_a_picture_is_answered_in_one_piece_with_the_probabilities_of_its_tokens()
    {
        await using MultimodalModel model = await LoadAsync();
        PromptImage image = await PromptImage.FromFileAsync(Picture);
        GenerationResult answer = await model.AnswerAsync("What is in this picture?", image, Greedy with { LogProbabilityCount = 3 });
        Assert.NotEmpty(answer.Text);
        Assert.Equal(answer.TokenIds, answer.LogProbabilities.Select(static token => token.TokenId));
        foreach (TokenLogProbability token in answer.LogProbabilities)
        {
            Assert.InRange(token.LogProbability, double.MinValue, 0);
            Assert.Equal(3, token.Likeliest.Count);
            // The greedy choice is the likeliest, and probabilities fall.
            Assert.Equal(token.TokenId, token.Likeliest[0].TokenId);
            Assert.Equal(token.Likeliest.OrderByDescending(static other => other.LogProbability), token.Likeliest);
            Assert.True(token.Likeliest.Sum(static other => Math.Exp(other.LogProbability)) <= 1.000001);
        }

        Assert.Empty((await model.AnswerAsync("What is in this picture?", image, Greedy)).LogProbabilities);
    }

    [Fact]
    public async Task A_session_continues_given_turns_as_if_it_had_held_them()
    {
        await using MultimodalModel model = await LoadAsync();
        PromptImage image = await PromptImage.FromFileAsync(Picture);
        using ChatSession held = model.StartChat();
        GenerationResult first = await held.SendAsync(new UserMessage("What is in this picture?") { Media = [image] }, Greedy);
        using ChatSession given = model.StartChat(new ChatSessionOptions { Turns = held.Turns });
        Assert.Equal(first.Text, given.Turns.Single().Answer);
        Assert.Equal(
            (await held.SendAsync(new UserMessage("How many are there?"), Greedy)).Text,
            (await given.SendAsync(new UserMessage("How many are there?"), Greedy)).Text
        );
    }

    [Fact]
    public async Task Texts_are_counted_encoded_and_decoded()
    {
        await using MultimodalModel model = await LoadAsync();
        const string Text = "What is in this picture?";
        IReadOnlyList<int> tokens = model.Tokenizer.Encode(Text);
        Assert.Equal(tokens.Count, model.Tokenizer.Count(Text));
        Assert.Equal(Text, model.Tokenizer.Decode(tokens).TrimStart());
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Tokenizer.Decode([model.Tokenizer.TokenCount]));
    }

    [Fact]
    public async Task Pictures_come_from_streams_and_addresses()
    {
        byte[] bytes = await File.ReadAllBytesAsync(Picture);
        using var stream = new MemoryStream(bytes);
        Assert.Equal(bytes, (await PromptImage.FromStreamAsync(stream, "a stream")).Data.ToArray());
        using var client = new HttpClient(new Answers(bytes));
        Assert.Equal(bytes, (await PromptImage.FromUriAsync(new Uri("http://picture/ok"), client)).Data.ToArray());
        Assert.Equal(bytes, (await PromptImage.FromUriAsync(new Uri(Picture), client)).Data.ToArray());
        string data = $"data:image/png;base64,{Convert.ToBase64String(bytes.AsSpan(0, 600))}";
        Assert.Equal(600, (await PromptImage.FromUriAsync(new Uri(data), client)).Data.Length);
        foreach (string address in (string[])["http://picture/gone", "ftp://picture", "data:image/png,x", "http://picture/text"])
            await Assert.ThrowsAsync<ImageException>(() => PromptImage.FromUriAsync(new Uri(address), client));
    }

    private static Task<MultimodalModel> LoadAsync() =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
                ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
                MapsFiles = false,
            }
        );

    private sealed class Answers(byte[] picture) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(
                request.RequestUri!.AbsolutePath switch
                {
                    "/ok" => new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(picture) },
                    "/text" => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(new string('x', 100)) },
                    _ => new HttpResponseMessage(HttpStatusCode.NotFound),
                }
            );
    }
}
