using Tessera.Grammars;
using Tessera.Native;
using Tessera.Text.Llama;
using Tessera.Text.Sampling;

namespace Tessera.Engine.NativeTests.Grammars;

/// <summary>A choice held to a grammar is the one that asking libllama's grammar about every token gives.</summary>
public sealed class GrammarChoiceTests : IDisposable
{
    private readonly LanguageModel model = LanguageModel.Load(
        RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
        0,
        null,
        CancellationToken.None
    );

    public void Dispose() => model.Dispose();

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"enum":["star","heart"]},"b":{"type":"integer"}},"required":["a","b"]}""")]
    [InlineData("""{"type":"array","items":{"type":"string","pattern":"^[a-z ]{1,9}$"},"minItems":3,"maxItems":5}""")]
    [InlineData("""{"type":["number","boolean","null"]}""")]
    public void It_is_the_likeliest_of_all_that_are_allowed(string schema)
    {
        string grammar = Gbnf.FromSchema(schema);
        for (int seed = 0; seed < 8; seed++)
        {
            var random = new Random(seed);
            using var sampler = new Sampler(new SamplerSettings(0, 0, 1, 0, 1, 0, 0, 64, 1, grammar), model.Vocabulary, "tiny");
            using var reference = new LlamaSamplerHandle(LibLlama.llama_sampler_init_grammar(model.Vocabulary.Pointer, grammar, "root"));
            for (int step = 0; step < 60; step++)
            {
                float[] logits = [.. Enumerable.Range(0, model.Vocabulary.TokenCount).Select(_ => random.NextSingle())];
                int wanted = LikeliestAllowed(reference, logits);
                Assert.Equal(wanted, sampler.Sample(logits));
                if (model.Vocabulary.IsEnd(wanted))
                    break;
                LibLlama.llama_sampler_accept(reference.Pointer, wanted);
            }
        }
    }

    private static unsafe int LikeliestAllowed(LlamaSamplerHandle grammar, float[] logits)
    {
        llama_token_data[] all = [.. logits.Select(static (logit, token) => new llama_token_data { id = token, logit = logit })];
        fixed (llama_token_data* data = all)
        {
            var array = new llama_token_data_array
            {
                data = data,
                size = (nuint)all.Length,
                selected = -1,
            };
            LibLlama.llama_sampler_apply(grammar.Pointer, &array);
        }

        return all.MaxBy(static candidate => candidate.logit).id;
    }
}
