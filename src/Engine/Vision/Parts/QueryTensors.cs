using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>What the tensors of a transformer whose queries look at a tower's features tell of its sizes (Q-Former, QLLaMA).</summary>
/// <param name="file">The file.</param>
/// <param name="prefix">Of its tensors' names.</param>
/// <param name="name">What messages call it.</param>
internal sealed class QueryTensors(GgufFile file, string prefix, string name)
{
    private const int MaxBlockCount = 256;
    private const int MaxWidth = 1 << 14;
    private const int MaxQueryCount = 4096;

    /// <summary>Width and number of the queries.</summary>
    /// <exception cref="ModelFileException">There are none, or their shape cannot be.</exception>
    public (int Width, int Count) ReadQueries()
    {
        string tensor = $"{prefix}.query";
        if (!file.TryGetTensor(tensor, out GgufTensor? query))
            throw new ModelFileException(file.Path, $"tensor '{tensor}' is missing.");
        long width = query.Shape[0],
            count = query.Shape.Length > 1 ? query.Shape[1] : 1;
        return query.ElementCount == width * count && width is > 0 and <= MaxWidth && count is > 0 and <= MaxQueryCount
            ? ((int)width, (int)count)
            : throw new ModelFileException(
                file.Path,
                $"tensor '{tensor}' has shape {string.Join(" x ", query.Shape)}; a width up to {MaxWidth} and up to "
                    + $"{MaxQueryCount} queries are supported."
            );
    }

    /// <summary>For each block, whether its queries look at the features too.</summary>
    /// <exception cref="ModelFileException">There is no block, or none that looks.</exception>
    public IReadOnlyList<bool> ReadLooks()
    {
        var looks = new List<bool>();
        while (looks.Count < MaxBlockCount && file.TryGetTensor($"{prefix}.blk.{looks.Count}.attn_q.weight", out _))
            looks.Add(file.TryGetTensor($"{prefix}.blk.{looks.Count}.xattn_q.weight", out _));
        if (looks.Count == 0)
            throw new ModelFileException(file.Path, $"tensor '{prefix}.blk.0.attn_q.weight' is missing, so it holds no {name}.");
        return looks.Contains(true)
            ? looks
            : throw new ModelFileException(file.Path, $"no block of its {name} has a tensor 'xattn_q.weight', so it would see no picture.");
    }

    /// <summary>Checks the number that a norm adds to the variance.</summary>
    /// <exception cref="ModelFileException">It cannot be.</exception>
    public float Epsilon(string key, float epsilon) =>
        epsilon is >= 0 and < 1 ? epsilon : throw new ModelFileException(file.Path, $"{key} is {epsilon}, not a small number.");
}
