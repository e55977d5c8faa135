namespace Tessera.Cli.Tests.Support;

/// <summary>Projectors that take a minute or so to encode a picture, for tests of interruption and for looking at progress bars.</summary>
internal static class SlowProjectors
{
    /// <summary>Many blocks, each soon done.</summary>
    public static string WriteDeep(string path)
    {
        const string Block = "v.blk.0.";
        EditableModel model = WithPatches(side: 64);
        EditableTensor[] tensors = [.. model.Tensors.Where(static tensor => tensor.Name.StartsWith(Block, StringComparison.Ordinal))];
        for (int index = 3; index < 1200; index++)
            foreach (EditableTensor tensor in tensors)
                model.Tensors.Add(tensor with { Name = $"v.blk.{index}.{tensor.Name[Block.Length..]}" });
        return model.Save(path);
    }

    /// <summary>Attention among 65,026 tokens, one long step.</summary>
    public static string WriteWide(string path) => WithPatches(side: 255).Save(path);

    /// <summary>342,225 patches, more than any picture needs.</summary>
    public static string WriteHuge(string path) => WithPatches(side: 585).Save(path);

    private static EditableModel WithPatches(int side)
    {
        EditableModel model = EditableModel.Read(Goldens.Projector);
        return model
            .Set(model.Tensor("v.position_embd.weight") with { Shape = [64, side * side + 1] })
            .Set("clip.vision.image_size", (uint)(side * 14));
    }
}
