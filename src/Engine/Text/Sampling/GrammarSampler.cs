using System.Text;
using Tessera.Grammars;
using Tessera.Native;

namespace Tessera.Text.Sampling;

/// <summary>
/// Chooses tokens that a grammar allows. As llama.cpp's own programs do, it first chooses freely and asks the grammar about that one
/// token, and only where it is refused about the whole vocabulary. libllama ends the process when a grammar is told of a token that it
/// does not allow, so it is told of none that has not been asked about.
/// </summary>
internal sealed unsafe class GrammarSampler : IDisposable
{
    private readonly Vocabulary vocabulary;
    private readonly IReadOnlyList<int> shownTokens;
    private readonly LlamaSamplerHandle grammar;
    private readonly TokenCandidates candidates;
    private byte[] unfinished = [];

    /// <param name="gbnf">The grammar.</param>
    /// <param name="vocabulary">The model's vocabulary.</param>
    /// <param name="shownTokens">Control tokens that are text in the answer.</param>
    /// <param name="candidates">What is chosen from.</param>
    /// <exception cref="GrammarException">libllama does not take the grammar.</exception>
    public GrammarSampler(string gbnf, Vocabulary vocabulary, IReadOnlyList<int> shownTokens, TokenCandidates candidates)
    {
        (this.vocabulary, this.shownTokens) = (vocabulary, shownTokens);
        grammar = new LlamaSamplerHandle(LibLlama.llama_sampler_init_grammar(vocabulary.Pointer, gbnf, "root"));
        if (grammar.IsInvalid)
            throw new GrammarException(0, 0, "llama.cpp does not take the grammar.");
        this.candidates = candidates;
    }

    /// <summary>Chooses a token from logits and tells the chain and the grammar of it.</summary>
    /// <param name="chain">Samplers that end with a choice.</param>
    /// <param name="logits">The logits: [vocabulary].</param>
    /// <exception cref="GrammarException">No token goes on as the grammar wants.</exception>
    public int Sample(LlamaSamplerHandle chain, ReadOnlySpan<float> logits)
    {
        int token = candidates.Choose(chain, candidates.Fill(logits));
        if (!Allows(token))
            token = candidates.Choose(chain, Allowed(Plausible(logits)));
        LibLlama.llama_sampler_accept(chain.Pointer, token);
        LibLlama.llama_sampler_accept(grammar.Pointer, token);
        if (unfinished.Length > 0 || !vocabulary.IsAscii(token))
            Follow(token);
        return token;
    }

    public void Dispose() => grammar.Dispose();

    private bool Allows(int token)
    {
        if (!Speaks(token))
            return false;
        var candidate = new llama_token_data { id = token, logit = 1 };
        var array = new llama_token_data_array
        {
            data = &candidate,
            size = 1,
            selected = -1,
        };
        LibLlama.llama_sampler_apply(grammar.Pointer, &array);
        return !float.IsNegativeInfinity(candidate.logit);
    }

    // Takes the tokens whose first characters the grammar does not refuse. Within a character it reads on from a part of one.
    private int Plausible(ReadOnlySpan<float> logits)
    {
        if (unfinished.Length > 0)
            return candidates.Fill(logits);
        TokenBeginnings beginnings = vocabulary.Beginnings;
        int count = candidates.Fill(beginnings.Singles);
        AskGrammar(count);
        Span<bool> isOpen = stackalloc bool[TokenBeginnings.CharacterCount + 1];
        isOpen[TokenBeginnings.Unknown] = true;
        foreach (llama_token_data candidate in candidates.All[..count])
            isOpen[beginnings.Of(candidate.id)] = !float.IsNegativeInfinity(candidate.logit);
        return candidates.Fill(logits, beginnings, isOpen);
    }

    private void AskGrammar(int count)
    {
        fixed (llama_token_data* data = candidates.All)
        {
            var array = new llama_token_data_array
            {
                data = data,
                size = (nuint)count,
                selected = -1,
            };
            LibLlama.llama_sampler_apply(grammar.Pointer, &array);
        }
    }

    // Puts the candidates that the grammar allows first.
    private int Allowed(int count)
    {
        AskGrammar(count);
        int kept = 0;
        Span<llama_token_data> all = candidates.All;
        for (int index = 0; index < count; index++)
            if (!float.IsNegativeInfinity(all[index].logit) && Speaks(all[index].id))
                all[kept++] = all[index];
        return kept > 0
            ? kept
            : throw new GrammarException(
                0,
                0,
                "The grammar or the schema wants characters here that no token of the model has, so the answer cannot go on."
            );
    }

    // The grammar reads the names of control tokens as text, which the answer has only of those that are shown, and takes some bytes that
    // are no UTF-8.
    private bool Speaks(int token) => (unfinished.Length == 0 && vocabulary.IsAscii(token)) || SpeaksOtherwise(token);

    private bool SpeaksOtherwise(int token) => vocabulary.IsEnd(token) ? unfinished.Length == 0 : TryFollow(token, out _);

    private void Follow(int token)
    {
        if (!vocabulary.IsEnd(token))
            TryFollow(token, out unfinished);
    }

    private bool TryFollow(int token, out byte[] rest)
    {
        ReadOnlySpan<byte> piece = vocabulary.Piece(token, shownTokens.Contains(token));
        ReadOnlySpan<byte> bytes = unfinished.Length == 0 ? piece : (byte[])[.. unfinished, .. piece];
        rest = [];
        if (piece.Length == 0)
            return false;
        while (bytes.Length > 0)
        {
            switch (Rune.DecodeFromUtf8(bytes, out _, out int length))
            {
                case System.Buffers.OperationStatus.Done:
                    bytes = bytes[length..];
                    break;
                case System.Buffers.OperationStatus.NeedMoreData:
                    rest = bytes.ToArray();
                    return true;
                default:
                    return false;
            }
        }

        return true;
    }
}
