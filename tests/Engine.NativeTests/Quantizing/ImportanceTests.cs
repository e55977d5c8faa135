using Tessera.Gguf;
using Tessera.Quantizing;

namespace Tessera.Engine.NativeTests.Quantizing;

/// <summary>Importance matrices are made as llama.cpp makes them, and let types be made that need them.</summary>
public sealed class ImportanceTests : IDisposable
{
    private static readonly string Language = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf");
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-importance").FullName;

    private string File => Path.Combine(folder, "imatrix.gguf");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Every_matrix_of_every_layer_gets_its_sums_and_counts()
    {
        int count = await CollectAsync(2000);
        using GgufFile file = GgufFile.Open(File);
        using GgufFile model = GgufFile.Open(Language);
        Assert.Equal("imatrix", file.Metadata.RequireString("general.type"));
        Assert.Equal((uint)(count / 512), file.Metadata.RequireUInt32("imatrix.chunk_count"));
        foreach (
            GgufTensor matrix in model.Tensors.Where(static tensor =>
                tensor.Name.StartsWith("blk.", StringComparison.Ordinal) && tensor.Shape.Length == 2
            )
        )
        {
            Assert.True(file.TryGetTensor(matrix.Name + ".in_sum2", out GgufTensor? sums), matrix.Name);
            Assert.True(file.TryGetTensor(matrix.Name + ".counts", out GgufTensor? counts));
            Assert.Equal((matrix.Shape[0], 1), (sums.Shape[0], counts.ElementCount));
            Assert.Equal(count, BitConverter.ToSingle(file.GetTensorData(counts, 0, 4)));
        }

        Assert.Equal(
            2 * model.Tensors.Count(static tensor => tensor.Name.StartsWith("blk.", StringComparison.Ordinal) && tensor.Shape.Length == 2),
            file.Tensors.Count
        );
    }

    [Fact]
    public async Task The_first_layers_input_is_its_normed_embedding()
    {
        await CollectAsync(600);
        using GgufFile file = GgufFile.Open(File);
        // The three projections of a layer see the same rows, and a normed row's squares sum to its width times the norm's weights.
        float[] q = Sums(file, "blk.0.attn_q.weight"),
            k = Sums(file, "blk.0.attn_k.weight");
        Assert.Equal(q, k);
        using GgufFile model = GgufFile.Open(Language);
        model.TryGetTensor("blk.0.attn_norm.weight", out GgufTensor? norm);
        float[] weights = System
            .Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(model.GetTensorData(norm!, 0, (int)norm!.ByteLength))
            .ToArray();
        double normed = q.Zip(weights, static (sum, weight) => weight == 0 ? 0 : sum / ((double)weight * weight)).Sum();
        Assert.InRange(normed / (512 * q.Length), 0.99, 1.01);
    }

    [Fact]
    public async Task Types_that_need_importance_can_be_made_with_it()
    {
        await CollectAsync(600);
        string output = Path.Combine(folder, "out.gguf");
        QuantizationPlan plan = await Quantizer.QuantizeAsync(
            Language,
            output,
            new QuantizationOptions { Recipe = "IQ3_XXS", ImportancePath = File }
        );
        Assert.Contains(plan.Tensors, static tensor => tensor.Type == GgufTensorType.IQ3_XXS);
        using GgufFile made = GgufFile.Open(output);
        Assert.Equal("imatrix.gguf", made.Metadata.RequireString("quantize.imatrix.file"));
        using MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = output });
        Assert.NotEmpty((await model.AnswerAsync(new Prompt("Hello"), new GenerationOptions { Temperature = 0, MaxTokens = 4 })).TokenIds);
    }

    [Fact]
    public async Task What_cannot_be_done_is_one_sentence()
    {
        string text = Path.Combine(folder, "text.txt");
        await System.IO.File.WriteAllTextAsync(text, "short");
        Assert.Contains(
            "at least 32",
            (await Assert.ThrowsAsync<TesseraException>(() => ImportanceCollector.CollectAsync(Language, text, File))).Message
        );
        Assert.Contains(
            "there is no such file",
            (await Assert.ThrowsAsync<TesseraException>(() => ImportanceCollector.CollectAsync(Language, text + "x", File))).Message
        );
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            Quantizer.PlanAsync(Language, new QuantizationOptions { Recipe = "Q4_0", ImportancePath = Language })
        );
        Assert.Contains("no importance matrix", failure.Message);
    }

    [Fact]
    public async Task Cancelling_writes_nothing()
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CollectAsync(4000, new Stopper(stop), stop.Token));
        Assert.False(System.IO.File.Exists(File));
    }

    private async Task<int> CollectAsync(int words, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        string text = Path.Combine(folder, "text.txt");
        string[] some = ["a", "red", "circle", "and", "two", "blue", "squares", "say", "hello", "what", "is", "this"];
        await System.IO.File.WriteAllTextAsync(
            text,
            string.Join(' ', Enumerable.Range(0, words).Select(index => some[index * 7 % 12])),
            CancellationToken.None
        );
        return await ImportanceCollector.CollectAsync(Language, text, File, null, progress, cancellationToken);
    }

    private static float[] Sums(GgufFile file, string matrix)
    {
        Assert.True(file.TryGetTensor(matrix + ImportanceMatrix.SumSuffix, out GgufTensor? sums));
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(file.GetTensorData(sums, 0, (int)sums.ByteLength)).ToArray();
    }

    private sealed class Stopper(CancellationTokenSource stop) : IProgress<double>
    {
        public void Report(double value) => stop.Cancel();
    }
}
