using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>The order in which pixel shuffle gives a slice's tokens.</summary>
internal enum TokenOrder
{
    /// <summary>Row by row, as InternVL since 1.5 and NVILA have them.</summary>
    Row,

    /// <summary>Column by column: InternVL-Chat 1.1 and 1.2 (ps_version v1), VILA 1.5.</summary>
    Column,
}

/// <summary>
/// Squares of patches become one token: its channels are those of the square's patches, row by row. Source: OpenGVLab/InternVL,
/// internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py, pixel_shuffle; NVlabs/VILA,
/// llava/model/multimodal_projector/base_projector.py, flat_square, which fills up what is no multiple.
/// </summary>
/// <param name="Factor">Patches along each side of a square.</param>
/// <param name="Order">The order of the tokens.</param>
internal readonly record struct PixelShuffle(int Factor, TokenOrder Order)
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 10;

    /// <summary>Tokens along a side of a slice of so many patches.</summary>
    public int TokensPerSide(int patchesPerSide) => (patchesPerSide + Factor - 1) / Factor;

    /// <summary>[width, side * side, slices] -> [width * factor * factor, tokens, slices], filled up with zeros at the right and
    /// below.</summary>
    public Tensor Build(Graph graph, Tensor x, int side)
    {
        int tokens = TokensPerSide(side),
            filled = tokens * Factor;
        long width = x.Size(0),
            wide = width * Factor,
            sliceCount = x.Size(2);
        if (filled != side)
            x = graph.PadMap(graph.Reshape(x, width, side, side, sliceCount), filled - side, filled - side);
        x = graph.Reshape(x, wide, tokens, filled, sliceCount); // [factor * width, columns, patch rows, slices]
        x = graph.Contiguous(graph.Permute(x, 0, 2, 1, 3)); // [factor * width, patch rows, columns, slices]
        x = graph.Reshape(x, wide * Factor, tokens, tokens, sliceCount); // [factor^2 * width, rows, columns, slices]
        if (Order == TokenOrder.Row)
            x = graph.Contiguous(graph.Permute(x, 0, 2, 1, 3));
        return graph.Reshape(x, wide * Factor, tokens * tokens, sliceCount);
    }
}
