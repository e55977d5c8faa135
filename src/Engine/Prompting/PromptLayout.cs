namespace Tessera.Prompting;

/// <summary>A stretch of a prompt as the language model takes it.</summary>
internal abstract record PromptSpan
{
    /// <summary>A run of tokens.</summary>
    internal sealed record Tokens(int[] Ids) : PromptSpan;

    /// <summary>The embeddings of a picture, by its index among the prompt's pictures; never cut.</summary>
    internal sealed record Image(int Index) : PromptSpan;
}

/// <summary>A prompt laid out: runs of tokens and spans of embeddings, in order.</summary>
/// <param name="Spans">The stretches in order.</param>
internal sealed record PromptLayout(IReadOnlyList<PromptSpan> Spans)
{
    /// <summary>Tokens of text, pictures not counted.</summary>
    public int TextTokenCount => Spans.OfType<PromptSpan.Tokens>().Sum(static span => span.Ids.Length);
}
