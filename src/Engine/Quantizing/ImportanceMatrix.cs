using System.Runtime.InteropServices;
using Tessera.Gguf;

namespace Tessera.Quantizing;

/// <summary>
/// How much each column of each matrix matters: the mean square of what it was multiplied with. Layout of the file: llama.cpp v0.5.0,
/// tools/imatrix/imatrix.cpp; for a matrix NAME the tensors <c>NAME.in_sum2</c> [columns, matrices] and <c>NAME.counts</c> [1, matrices].
/// </summary>
internal sealed class ImportanceMatrix
{
    public const string SumSuffix = ".in_sum2",
        CountSuffix = ".counts";
    public const string DatasetsKey = "imatrix.datasets",
        ChunkCountKey = "imatrix.chunk_count",
        ChunkSizeKey = "imatrix.chunk_size";
    private const long MostBytes = 1L << 30;
    private readonly Dictionary<string, float[]> means;
    private readonly string path;
    private readonly uint chunkCount;

    private ImportanceMatrix(string path, Dictionary<string, float[]> means, uint chunkCount) =>
        (this.path, this.means, this.chunkCount) = (path, means, chunkCount);

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelFileException">It is damaged or no importance matrix; those of before GGUF are not read.</exception>
    public static ImportanceMatrix Read(string path)
    {
        using var file = GgufFile.Open(path);
        var means = new Dictionary<string, float[]>(StringComparer.Ordinal);
        long total = 0;
        foreach (GgufTensor sums in file.Tensors.Where(static tensor => tensor.Name.EndsWith(SumSuffix, StringComparison.Ordinal)))
        {
            string name = sums.Name[..^SumSuffix.Length];
            if (
                !file.TryGetTensor(name + CountSuffix, out GgufTensor? counts)
                || sums.Type != GgufTensorType.F32
                || counts.Type != GgufTensorType.F32
            )
                throw new ModelFileException(path, $"the importance of {GgufText.Quote(name)} is incomplete, or not in single precision.");
            if ((total += sums.ByteLength) > MostBytes || sums.ElementCount % counts.ElementCount != 0)
                throw new ModelFileException(path, $"the importance of {GgufText.Quote(name)} has an impossible shape.");
            means[name] = Means(path, name, Values(file, sums), Values(file, counts));
        }

        if (means.Count == 0)
            throw new ModelFileException(path, "it holds no tensors named *.in_sum2, so it is no importance matrix.");
        return new ImportanceMatrix(path, means, file.Metadata.TryGetUInt32(ChunkCountKey, out uint chunks) ? chunks : 0);
    }

    /// <summary>The importance of a matrix's columns, [columns, matrices]; null where the file has none.</summary>
    /// <exception cref="ModelFileException">It is for a matrix of another shape.</exception>
    public float[]? Find(QuantizedTensor tensor)
    {
        if (!means.TryGetValue(tensor.Name, out float[]? found))
            return null;
        long needed = tensor.Shape[0] * (tensor.Shape.Count > 2 ? tensor.Shape[2] : 1);
        if (found.Length == needed)
            return found;
        return tensor.Name == "token_embd.weight"
            ? null
            : throw new ModelFileException(
                path,
                $"the importance of {GgufText.Quote(tensor.Name)} has {found.Length} values instead of {needed}: it is of another model."
            );
    }

    /// <summary>Says in a quantized file what it was made with; keys of tools/quantize/quantize.cpp.</summary>
    public void AddMetadata(GgufWriter writer)
    {
        writer.AddMetadata("quantize.imatrix.file", Path.GetFileName(path));
        writer.AddMetadata("quantize.imatrix.entries_count", means.Count);
        writer.AddMetadata("quantize.imatrix.chunks_count", (int)Math.Min(chunkCount, int.MaxValue));
    }

    private static float[] Values(GgufFile file, GgufTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        file.ReadTensorData(tensor, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    // What was never used counts as all the same.
    private static float[] Means(string path, string name, float[] sums, float[] counts)
    {
        int width = sums.Length / counts.Length;
        for (int index = 0; index < sums.Length; index++)
        {
            float count = counts[index / width];
            sums[index] = count > 0 ? sums[index] / count : 1;
            if (!(sums[index] >= 0) || !float.IsFinite(sums[index]))
                throw new ModelFileException(
                    path,
                    $"the importance of {GgufText.Quote(name)} holds values that are no numbers, or negative."
                );
        }

        return sums;
    }
}
