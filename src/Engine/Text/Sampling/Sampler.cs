using System.Numerics;
using Tessera.Grammars;
using Tessera.Native;

namespace Tessera.Text.Sampling;

/// <summary>Sees a token that was chosen, and the logits [vocabulary] that it was chosen from.</summary>
internal delegate void TokenWatch(ReadOnlySpan<float> logits, int token);

/// <summary>How the next token is chosen.</summary>
/// <param name="Temperature">0 always takes the most likely token.</param>
/// <param name="TopK">Keeps the k most likely tokens; 0 keeps all.</param>
/// <param name="TopP">Keeps the most likely tokens up to this probability; 1 keeps all.</param>
/// <param name="MinP">Keeps tokens with at least this share of the likeliest one's probability; 0 keeps all.</param>
/// <param name="RepeatPenalty">Divides the logits of recent tokens; 1 is none.</param>
/// <param name="FrequencyPenalty">Subtracted for each time a recent token was used; 0 is none.</param>
/// <param name="PresencePenalty">Subtracted once for each recent token; 0 is none.</param>
/// <param name="PenaltyWindow">How many tokens are recent.</param>
/// <param name="Seed">Seed of the random choice.</param>
/// <param name="Grammar">GBNF that the answer follows, checked before; null for free text.</param>
internal sealed record SamplerSettings(
    float Temperature,
    int TopK,
    float TopP,
    float MinP,
    float RepeatPenalty,
    float FrequencyPenalty,
    float PresencePenalty,
    int PenaltyWindow,
    uint Seed,
    string? Grammar = null
)
{
    /// <summary>Control tokens that are text in the answer, so that a grammar may ask for them.</summary>
    public IReadOnlyList<int> ShownTokens { get; init; } = [];

    /// <summary>Told of each token, before the next step.</summary>
    public TokenWatch? Watch { get; init; }
}

/// <summary>A chain of libllama's samplers: penalties, top-k, top-p, min-p, temperature, then the choice.</summary>
internal sealed class Sampler : IDisposable
{
    private readonly LlamaSamplerHandle chain;
    private readonly GrammarSampler? grammar;
    private readonly TokenWatch? watch;
    private readonly TokenCandidates candidates;
    private readonly string modelPath;

    /// <param name="settings">How tokens are chosen.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="modelPath">The model's file, for messages.</param>
    public Sampler(SamplerSettings settings, Vocabulary vocabulary, string modelPath)
    {
        this.modelPath = modelPath;
        candidates = new TokenCandidates(vocabulary.TokenCount);
        watch = settings.Watch;
        if (settings.Grammar is not null)
            grammar = new GrammarSampler(settings.Grammar, vocabulary, settings.ShownTokens, candidates);
        chain = new LlamaSamplerHandle(LibLlama.llama_sampler_chain_init(LibLlama.llama_sampler_chain_default_params()));
        if (settings.RepeatPenalty != 1 || settings.FrequencyPenalty != 0 || settings.PresencePenalty != 0)
            Add(
                LibLlama.llama_sampler_init_penalties(
                    vocabulary.TokenCount,
                    settings.PenaltyWindow,
                    settings.RepeatPenalty,
                    settings.FrequencyPenalty,
                    settings.PresencePenalty
                )
            );
        if (settings.Temperature <= 0)
        {
            Add(LibLlama.llama_sampler_init_greedy());
            return;
        }

        if (settings.TopK > 0)
            Add(LibLlama.llama_sampler_init_top_k(settings.TopK));
        if (settings.TopP < 1)
            Add(LibLlama.llama_sampler_init_top_p(settings.TopP, 1));
        if (settings.MinP > 0)
            Add(LibLlama.llama_sampler_init_min_p(settings.MinP, 1));
        Add(LibLlama.llama_sampler_init_temp(settings.Temperature));
        Add(LibLlama.llama_sampler_init_dist(settings.Seed));
    }

    /// <summary>Tells the penalties of a token that was not sampled, such as one of the prompt.</summary>
    public void Accept(int token) => LibLlama.llama_sampler_accept(chain.Pointer, token);

    /// <summary>Chooses a token from logits [vocabulary].</summary>
    /// <exception cref="ModelFileException">The logits are not numbers, which the samplers would choose from at random or fail
    /// on.</exception>
    /// <exception cref="GrammarException">The vocabulary has no token that goes on as the grammar wants.</exception>
    public int Sample(ReadOnlySpan<float> logits)
    {
        if (HasNaN(logits))
            throw NotNumbers(modelPath);
        int token = grammar is null ? Choose(logits) : grammar.Sample(chain, logits);
        watch?.Invoke(logits, token);
        return token;
    }

    public void Dispose()
    {
        chain.Dispose();
        grammar?.Dispose();
    }

    private int Choose(ReadOnlySpan<float> logits)
    {
        int token = candidates.Choose(chain, candidates.Fill(logits));
        LibLlama.llama_sampler_accept(chain.Pointer, token);
        return token;
    }

    /// <summary>Why logits that are not numbers cannot be chosen from.</summary>
    public static ModelFileException NotNumbers(string modelPath) =>
        new(modelPath, "its weights lead to results that are not numbers: the file is damaged or badly converted, so download it again.");

    /// <summary>Whether a value is none.</summary>
    public static bool HasNaN(ReadOnlySpan<float> values)
    {
        int index = 0;
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            var part = new Vector<float>(values[index..]);
            if (!Vector.EqualsAll(part, part))
                return true;
        }

        for (; index < values.Length; index++)
            if (float.IsNaN(values[index]))
                return true;
        return false;
    }

    private void Add(nint sampler) => LibLlama.llama_sampler_chain_add(chain.Pointer, sampler);
}
