namespace Tessera.Vision.Parts;

/// <summary>Dimensions of a Q-Former, as a released model has them.</summary>
/// <param name="Width">Width of a query.</param>
/// <param name="FeedForward">Width inside the feed-forward networks.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Blocks">Blocks, of which every second, from the first on, looks at the features.</param>
/// <param name="Queries">Learned queries.</param>
internal sealed record QFormerShape(int Width, int FeedForward, int Heads, int Blocks, int Queries)
{
    /// <summary>Salesforce/blip2-flan-t5-xl, config.json, qformer_config.</summary>
    public static QFormerShape Bert { get; } = new(768, 3072, 12, 12, 32);

    /// <summary>Takes it down.</summary>
    /// <param name="draft">Takes it down.</param>
    /// <param name="inputs">Width of a feature.</param>
    /// <param name="pieces">What it reads an instruction with; null where it reads none.</param>
    /// <param name="positions">The most tokens of an instruction.</param>
    public void Write(ProjectorDraft draft, int inputs, IReadOnlyList<string>? pieces = null, int positions = 512)
    {
        draft.Metadata("clip.qformer.attention.head_count", (uint)Heads);
        draft.Values("qformer.query", Width, Queries);
        draft.Norm("qformer.norm", Width);
        if (pieces is not null)
        {
            draft.Metadata("clip.qformer.tokens", Gguf.GgufValue.FromArray([.. pieces]));
            draft.Half("qformer.tok_embd.weight", Width, pieces.Count);
            draft.Half("qformer.pos_embd.weight", Width, positions);
        }

        for (int block = 0; block < Blocks; block++)
            WriteBlock(draft, $"qformer.blk.{block}.", block % 2 == 0 ? inputs : 0, readsText: pieces is not null);
    }

    private void WriteBlock(ProjectorDraft draft, string prefix, int inputs, bool readsText)
    {
        WriteAttention(draft, prefix + "attn", Width);
        if (inputs > 0)
            WriteAttention(draft, prefix + "xattn", inputs);
        WriteFeedForward(draft, prefix + "ffn_q");
        if (readsText)
            WriteFeedForward(draft, prefix + "ffn");
    }

    private void WriteAttention(ProjectorDraft draft, string prefix, int inputs)
    {
        draft.Linear(prefix + "_q", Width, Width);
        draft.Linear(prefix + "_k", inputs, Width);
        draft.Linear(prefix + "_v", inputs, Width);
        draft.Linear(prefix + "_out", Width, Width);
        draft.Norm(prefix + "_out_norm", Width);
    }

    private void WriteFeedForward(ProjectorDraft draft, string prefix)
    {
        draft.Linear(prefix + "_up", Width, FeedForward);
        draft.Linear(prefix + "_down", FeedForward, Width);
        draft.Norm(prefix + "_norm", Width);
    }
}
