using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>A stretch of a prompt as the language model takes it.</summary>
internal abstract record PromptSpan
{
    /// <summary>A run of tokens.</summary>
    internal sealed record Tokens(int[] Ids) : PromptSpan;

    /// <summary>One of the prompt's media, or a frame of one, into sight from the next token on.</summary>
    /// <param name="MediaIndex">Which of them.</param>
    /// <param name="Start">Its first row among the medium's.</param>
    /// <param name="Count">Its rows, padding included.</param>
    /// <param name="SeenCount">The first of them, which are seen.</param>
    internal sealed record Memory(int MediaIndex, int Start, int Count, int SeenCount) : PromptSpan;

    /// <summary>Embeddings of one of the prompt's media, and where they stand, counted from the first.</summary>
    internal sealed record Embeddings(int MediaIndex, int Start, int Count, SpanPositions Places = default) : PromptSpan;
}

/// <summary>A prompt laid out: runs of tokens and spans of embeddings, in order.</summary>
/// <param name="Spans">The stretches in order.</param>
internal sealed record PromptLayout(IReadOnlyList<PromptSpan> Spans)
{
    /// <summary>Tokens and embeddings in all.</summary>
    public int Length =>
        Spans.Sum(static span =>
            span switch
            {
                PromptSpan.Tokens run => run.Ids.Length,
                PromptSpan.Embeddings rows => rows.Count,
                _ => 0,
            }
        );
}
