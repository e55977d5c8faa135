using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Vision;

/// <summary>OpenAI's CLIP ViT-L as LAVIS stores it (salesforce/LAVIS, lavis/models/clip_vit.py, create_clip_vit_L).</summary>
internal sealed class LavisClipTower : LavisTower
{
    // CLIP has 24, and layers=23 are made of them.
    private const long ReleasedBlocks = 24;
    private readonly TowerConfig tower;

    /// <param name="source">The tensors, named as <see cref="LavisNames"/> says.</param>
    /// <exception cref="CheckpointException">It is none.</exception>
    public LavisClipTower(VisionSource source)
        : base(source)
    {
        bool isWhole = CountBlocks(source, OpenClipTower.Blocks) == ReleasedBlocks;
        long blocks = UsedBlocks(OpenClipTower.Blocks, hasOneMore: isWhole);
        tower = OpenClipTower.Read(source.Tensors, OpenClipTower.HeadWidth, blocks);
    }

    public override long Width => tower.Width;

    public override long BlockCount => tower.BlockCount;

    public override IEnumerable<(char, long)> Letters =>
        [.. tower.Letters(Source.LanguageWidth).Where(static letter => letter.Item1 != 'H'), ('W', 3 * Width)];

    protected override void SetOwnKeys(Metadata metadata) => tower.SetKeys(metadata, Source, tower.BlockCount);

    public override IEnumerable<TensorRule> Rules() =>
        [.. OpenClipTower.Rules(), new TensorRule(PostNorm, "v.post_ln", "E") { IsOptional = true }];
}
