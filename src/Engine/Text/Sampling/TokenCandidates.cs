using Tessera.Native;

namespace Tessera.Text.Sampling;

/// <summary>The tokens that libllama's samplers choose from, with their logits.</summary>
/// <param name="tokenCount">Tokens of the vocabulary.</param>
internal sealed unsafe class TokenCandidates(int tokenCount)
{
    private readonly llama_token_data[] candidates = new llama_token_data[tokenCount];

    public Span<llama_token_data> All => candidates;

    /// <summary>Takes all tokens.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <returns>How many there are.</returns>
    public int Fill(ReadOnlySpan<float> logits)
    {
        for (int token = 0; token < logits.Length; token++)
            candidates[token] = new llama_token_data { id = token, logit = logits[token] };
        return logits.Length;
    }

    /// <summary>Takes some tokens, all as likely.</summary>
    /// <returns>How many there are.</returns>
    public int Fill(IReadOnlyList<int> tokens)
    {
        for (int index = 0; index < tokens.Count; index++)
            candidates[index] = new llama_token_data { id = tokens[index], logit = 1 };
        return tokens.Count;
    }

    /// <summary>Takes the tokens that begin with certain characters, in their order.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="beginnings">The tokens' first characters.</param>
    /// <param name="isOpen">Whether those that begin with a character are taken, for each.</param>
    /// <returns>How many there are.</returns>
    public int Fill(ReadOnlySpan<float> logits, TokenBeginnings beginnings, ReadOnlySpan<bool> isOpen)
    {
        int count = 0;
        for (int token = 0; token < logits.Length; token++)
            if (isOpen[beginnings.Of(token)])
                candidates[count++] = new llama_token_data { id = token, logit = logits[token] };
        return count;
    }

    /// <summary>The choice of a chain among the first candidates, which it may reorder.</summary>
    public int Choose(LlamaSamplerHandle chain, int count)
    {
        fixed (llama_token_data* data = candidates)
        {
            var array = new llama_token_data_array
            {
                data = data,
                size = (nuint)count,
                selected = -1,
            };
            LibLlama.llama_sampler_apply(chain.Pointer, &array);
            return array.data[array.selected].id;
        }
    }
}
