using System.Text;
using Tessera.ChatTemplates;
using Tessera.Native;
using Tessera.Text;
using Tessera.Text.Llama;
using Tessera.Text.Sampling;

namespace Tessera.Engine.NativeTests;

/// <summary>Conversations that the caller keeps, with the small trained model.</summary>
public sealed class TranscriptTests
{
    private static readonly string ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf");

    [Fact]
    public async Task An_answer_goes_on_from_its_beginning()
    {
        using MultimodalModel model = await LoadAsync();
        var transcript = new Transcript([
            new ChatTemplateMessage("user", [ChatTemplatePart.Image, new ChatTemplatePart("What is in this picture?")]),
        ])
        {
            Images = [await PictureAsync()],
        };
        string whole = await TextAsync(model, transcript);
        string start = whole[..(whole.IndexOf(' ', StringComparison.Ordinal))];
        string rest = await TextAsync(model, transcript with { AnswerStart = " " + start });
        Assert.Equal(whole, start + rest);
    }

    [Fact]
    public async Task Pictures_without_places_are_refused()
    {
        using MultimodalModel model = await LoadAsync();
        await Assert.ThrowsAsync<TesseraException>(async () =>
            await TextAsync(model, new Transcript([new ChatTemplateMessage("user", [ChatTemplatePart.Image])]))
        );
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            model.Dispose();
            await TextAsync(model, new Transcript([new ChatTemplateMessage("user", "Hi")]));
        });
    }

    [Fact]
    public void A_control_token_is_shown_when_it_is_to_be()
    {
        using LanguageModel language = LanguageModel.Load(ModelPath, 0, null, CancellationToken.None);
        int start = language.Vocabulary.FindControl(language.Vocabulary.StartText)!.Value;
        Assert.Equal("", Encoding.UTF8.GetString(language.Vocabulary.Piece(start)));
        Assert.Equal(language.Vocabulary.StartText, Encoding.UTF8.GetString(language.Vocabulary.Piece(start, showsControl: true)));
        Assert.Null(language.Vocabulary.FindControl("no token of any model"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_grammar_takes_a_control_token_only_where_it_is_shown(bool isShown)
    {
        using LanguageModel language = LanguageModel.Load(ModelPath, 0, null, CancellationToken.None);
        Vocabulary vocabulary = language.Vocabulary;
        int start = vocabulary.FindControl(vocabulary.StartText)!.Value;
        var logits = new float[vocabulary.TokenCount];
        logits[start] = 9;
        using var chain = new LlamaSamplerHandle(LibLlama.llama_sampler_chain_init(LibLlama.llama_sampler_chain_default_params()));
        LibLlama.llama_sampler_chain_add(chain.Pointer, LibLlama.llama_sampler_init_greedy());
        using var sampler = new GrammarSampler(
            AnswerFormat.FromGrammar($"root ::= \"{vocabulary.StartText}\" \"a\"").Grammar,
            vocabulary,
            isShown ? [start] : [],
            new TokenCandidates(vocabulary.TokenCount)
        );
        Assert.Equal(isShown, sampler.Sample(chain, logits) == start);
    }

    private static Task<MultimodalModel> LoadAsync() =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = ModelPath,
                ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
            }
        );

    private static Task<PromptImage> PictureAsync() => PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "shapes.png"));

    private static async Task<string> TextAsync(MultimodalModel model, Transcript transcript)
    {
        var text = new StringBuilder();
        await foreach (
            GenerationUpdate update in model.AnswerStreamingAsync(transcript, new GenerationOptions { Temperature = 0, MaxTokens = 40 })
        )
            text.Append(update.Text);
        return text.ToString();
    }
}
