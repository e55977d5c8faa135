using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>A tower and a Q-Former as LAVIS names and stores them, of which no configuration tells.</summary>
internal sealed class LavisVision
{
    // bert-base-uncased's heads.
    private const long FormerHead = 64;
    private const long FormerHeads = 12;
    private const string EvaPositions = "tower.embeddings.position_embedding";
    private const string LookedAt = "qformer.encoder.layer.0.crossattention.attention.key.weight";
    private readonly VisionSource source;

    /// <param name="source">The tensors, named as <see cref="LavisNames"/> says.</param>
    /// <param name="takesClip">Whether the tower may be CLIP's.</param>
    /// <param name="scale">By how much the picture's side is larger than EVA's own (MiniGPT-v2).</param>
    /// <exception cref="CheckpointException">The tower is missing, or is none.</exception>
    public LavisVision(VisionSource source, bool takesClip = false, int scale = 1)
    {
        this.source = source;
        if (takesClip && IsClip())
        {
            Tower = new LavisClipTower(source);
            return;
        }

        Require(EvaPositions, takesClip ? "vision tower (eva_vit_g.pth or clip_vit_L.pth)" : "vision tower (eva_vit_g.pth)");
        Tower = new LavisEvaTower(source, scale);
    }

    public LavisTower Tower { get; }

    /// <summary>The tensors, without those of another tower that lies beside the one that is used.</summary>
    public Dictionary<string, StoredTensor> Tensors =>
        source
            .Tensors.Where(pair => Tower is LavisClipTower ? !LavisNames.IsEvas(pair.Key) : !OpenClipTower.Owns(pair.Key))
            .ToDictionary(StringComparer.Ordinal);

    /// <summary>The Q-Former, whose heads BERT's own configuration tells where it lies beside the files, as LAVIS reads it.</summary>
    /// <param name="part">What to call it where it is missing.</param>
    /// <param name="readsText">Whether it reads an instruction.</param>
    public QFormerPart Former(string part, bool readsText)
    {
        StoredTensor queries = Require("query_tokens", part),
            inner = source.Require("qformer.encoder.layer.0.intermediate_query.dense.weight");
        long width = queries.Shape[^1];
        Settings? bert = LavisPieces.BertFolder(source.Folder)?.TryReadSettings("config.json");
        Dictionary<string, double> numbers = new()
        {
            ["hidden_size"] = width,
            ["intermediate_size"] = inner.Shape[0],
            ["num_hidden_layers"] = LavisTower.CountBlocks(source, "qformer.encoder.layer."),
            ["num_attention_heads"] = bert?.TryCount("num_attention_heads") ?? (width % FormerHead == 0 ? width / FormerHead : FormerHeads),
        };
        if (bert?.TryNumber("layer_norm_eps") is double epsilon)
            numbers["layer_norm_eps"] = epsilon;
        if (readsText)
        {
            numbers["vocab_size"] = source.Require("qformer.embeddings.word_embeddings.weight").Shape[0];
            numbers["max_position_embeddings"] = source.Require("qformer.embeddings.position_embeddings.weight").Shape[0];
        }

        return new QFormerPart(LavisTower.Made(source, numbers), queries.Shape.Length > 1 ? queries.Shape[^2] : 1, readsText);
    }

    // vit_model stands in no file: where both towers lie there, the Q-Former is as wide as what it looks at.
    private bool IsClip() =>
        source.Tensors.TryGetValue(OpenClipTower.Kernel, out StoredTensor? kernel)
        && (
            !source.Tensors.ContainsKey(EvaPositions)
            || (source.Tensors.TryGetValue(LookedAt, out StoredTensor? keys) && keys.Shape is [.., var width] && width == kernel.Shape[0])
        );

    private StoredTensor Require(string name, string part) =>
        source.Tensors.GetValueOrDefault(name)
        ?? throw new CheckpointException(source.Folder.FullPath, $"the {part} is not in it, which belongs beside the authors' own file.");
}
