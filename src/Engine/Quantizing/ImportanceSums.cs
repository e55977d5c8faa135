using System.Runtime.InteropServices;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Quantizing;

/// <summary>
/// Adds up the squares of what each matrix is multiplied with, column by column, while libllama computes. Rules of which products count:
/// llama.cpp v0.5.0, tools/imatrix/imatrix.cpp, collect_imatrix.
/// </summary>
internal sealed unsafe class ImportanceSums
{
    private const int FewestRows = 16;
    private readonly Dictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private string? fault;

    /// <summary>Whether a tensor is a product that counts.</summary>
    public static bool Wants(ggml_tensor* product)
    {
        if (product->op == ggml_op.GGML_OP_MUL_MAT_ID)
            return Source(product, 1)->type == ggml_type.GGML_TYPE_F32;
        if (product->op != ggml_op.GGML_OP_MUL_MAT)
            return false;
        ggml_tensor* input = Source(product, 1);
        return input->ne[1] >= FewestRows
            && input->type == ggml_type.GGML_TYPE_F32
            && NameOf(Source(product, 0)).StartsWith("blk.", StringComparison.Ordinal);
    }

    /// <summary>Adds a product's input.</summary>
    public void Add(ggml_tensor* product)
    {
        ggml_tensor* matrix = Source(product, 0),
            input = Source(product, 1);
        bool isOfExperts = product->op == ggml_op.GGML_OP_MUL_MAT_ID;
        long matrices = isOfExperts ? matrix->ne[2] : matrix->ne[2] * matrix->ne[3];
        string name = NameOf(matrix);
        if (!entries.TryGetValue(name, out Entry? entry))
            entries.Add(name, entry = new Entry(input->ne[0], matrices, isOfExperts ? matrices : 1));
        if (entry.Width != input->ne[0])
        {
            fault ??= $"the inputs of {GgufText.Quote(name)} change their width";
            return;
        }

        if (isOfExperts)
            AddExperts(entry, input, Source(product, 2));
        else
            AddDense(entry, matrix, input);
    }

    /// <summary>The sums as a file.</summary>
    /// <param name="dataset">The name of the text.</param>
    /// <param name="chunkCount">Pieces of text that were computed.</param>
    /// <param name="chunkLength">Tokens of each.</param>
    /// <exception cref="TesseraException">Nothing was added, or what is no number.</exception>
    public GgufWriter ToFile(string dataset, int chunkCount, int chunkLength)
    {
        if (fault is not null || entries.Count == 0)
            throw new TesseraException($"No importance matrix can be made of this model: {fault ?? "no product of its weights was seen"}.");
        var writer = new GgufWriter();
        writer.AddMetadata("general.type", "imatrix");
        writer.AddMetadata(ImportanceMatrix.DatasetsKey, GgufValue.FromArray<string>([dataset]));
        writer.AddMetadata(ImportanceMatrix.ChunkCountKey, (uint)chunkCount);
        writer.AddMetadata(ImportanceMatrix.ChunkSizeKey, (uint)chunkLength);
        foreach ((string name, Entry entry) in entries.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            float[] sums = Array.ConvertAll(entry.Sums, static value => (float)value),
                counts = Array.ConvertAll(entry.Counts, static value => (float)value);
            if (!sums.All(float.IsFinite))
                throw new TesseraException($"The inputs of {GgufText.Quote(name)} are not numbers: the model is damaged.");
            // One count for all of its columns, or one for each expert.
            writer.AddTensor(
                name + ImportanceMatrix.SumSuffix,
                GgufTensorType.F32,
                [sums.Length / counts.Length, counts.Length],
                MemoryMarshal.AsBytes<float>(sums)
            );
            writer.AddTensor(
                name + ImportanceMatrix.CountSuffix,
                GgufTensorType.F32,
                [1, counts.Length],
                MemoryMarshal.AsBytes<float>(counts)
            );
        }

        return writer;
    }

    private static void AddDense(Entry entry, ggml_tensor* matrix, ggml_tensor* input)
    {
        for (long i3 = 0; i3 < input->ne[3]; i3++)
        for (long i2 = 0; i2 < input->ne[2]; i2++)
        {
            long which = (i3 % matrix->ne[3] * matrix->ne[2]) + (i2 % matrix->ne[2]);
            for (long row = 0; row < input->ne[1]; row++)
                entry.Add(which, Row(input, row, i2, i3));
        }

        entry.Counts[0] += input->ne[1] * input->ne[2] * input->ne[3] / (matrix->ne[2] * matrix->ne[3]);
    }

    // Which experts a token goes to is in a table [experts used, tokens] that need not be contiguous.
    private void AddExperts(Entry entry, ggml_tensor* input, ggml_tensor* table)
    {
        for (long token = 0; token < table->ne[1]; token++)
        for (long used = 0; used < table->ne[0]; used++)
        {
            int expert = *(int*)(table->data + ((long)table->nb[1] * token) + ((long)table->nb[0] * used));
            if (expert < 0 || expert >= entry.Counts.Length)
            {
                fault ??= "a token goes to an expert that is not there";
                return;
            }

            entry.Counts[expert]++;
            entry.Add(expert, Row(input, used % input->ne[1], token, 0));
        }
    }

    private static ReadOnlySpan<float> Row(ggml_tensor* input, long row, long i2, long i3) =>
        new(input->data + ((long)input->nb[1] * row) + ((long)input->nb[2] * i2) + ((long)input->nb[3] * i3), (int)input->ne[0]);

    private static ggml_tensor* Source(ggml_tensor* tensor, int index) => (ggml_tensor*)tensor->src[index];

    // "CPU#blk.0.attn_k.weight#0" is a copy that the scheduler made.
    private static string NameOf(ggml_tensor* tensor)
    {
        string name = Marshal.PtrToStringUTF8((nint)Ggml.ggml_get_name(tensor)) ?? "";
        string[] parts = name.Split('#');
        return parts.Length == 3 ? parts[1] : name;
    }

    private sealed class Entry(long width, long matrices, long counts)
    {
        public long Width { get; } = width;

        public double[] Sums { get; } = new double[width * matrices];

        public double[] Counts { get; } = new double[counts];

        public void Add(long matrix, ReadOnlySpan<float> row)
        {
            Span<double> sums = Sums.AsSpan((int)(matrix * Width), (int)Width);
            for (int column = 0; column < row.Length; column++)
                sums[column] += (double)row[column] * row[column];
        }
    }
}
