using System.Runtime.InteropServices;
using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Graph;
using Tessera.Text.Llama;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>LoRA adapters of a language model as graphs built here: what they add is what libllama adds.</summary>
public sealed class GraphAdapterTests : IDisposable
{
    private const int Rank = 4;
    private static readonly string Path = GoldenCase.Find("llava-1.5").LanguageModel;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-graph-adapter-");
    private readonly GgufFile file = GgufFile.Open(Path);

    public void Dispose()
    {
        file.Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public void Logits_are_libllamas_with_the_same_adapters()
    {
        ModelAdapter[] adapters =
        [
            new(Write("first.gguf", ["blk.0.attn_q.weight", "blk.1.ffn_down.weight"], alpha: 8), 0.7f),
            new(Write("second.gguf", ["blk.1.ffn_down.weight", "output.weight"], alpha: 0), -0.5f),
        ];
        float[] plain = Logits(Graph()),
            own = Logits(Graph(adapters));
        using var model = LanguageModel.Load(Path, 0, null, default);
        model.Adapt(adapters);
        using var language = new LlamaLanguage(model, 256, 1, 0);
        float[] expected = Logits(language);
        Assert.True(Similarity.PerRow(own, expected, expected.Length).Worst >= 0.99999);
        Assert.True(Similarity.PerRow(own, plain, plain.Length).Worst < 0.99);
        Assert.Equal(plain, Logits(Graph([adapters[0] with { Scale = 0 }])));
    }

    [Fact]
    public void What_is_no_adapter_of_the_model_is_refused_by_name()
    {
        string[] one = ["blk.0.attn_q.weight"];
        (string Path, string Problem)[] wrong =
        [
            (Path, "it is no LoRA adapter"),
            (Write("architecture.gguf", one, architecture: "mllama"), "of the architecture 'mllama'"),
            (Write("norm.gguf", ["blk.0.attn_norm.weight"], shape: [64, 64]), "'blk.0.attn_norm.weight', which is no matrix"),
            (Write("block.gguf", ["blk.9.attn_q.weight"], shape: [64, 64]), "'blk.9.attn_q.weight', which is no matrix"),
            (Write("shape.gguf", one, shape: [32, 64]), "blk.0.attn_q.weight.lora_a"),
            (Write("half.gguf", one, hasUp: false), "blk.0.attn_q.weight.lora_b"),
            (Write("other.gguf", one, hasDown: false), "no half of an adapted matrix"),
            (Write("alpha.gguf", one, alpha: float.NaN), "adapter.lora.alpha"),
        ];
        foreach ((string path, string problem) in wrong)
        {
            ModelFileException failure = Assert.Throws<ModelFileException>(() => Graph([new ModelAdapter(path)]).Dispose());
            Assert.StartsWith(path, failure.Message, StringComparison.Ordinal);
            Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
        }
    }

    private OpenedGraph Graph(params ModelAdapter[] adapters)
    {
        GraphLanguageModel model = GraphLanguageModel.Load(file, 0, null, default);
        try
        {
            model.Adapt(adapters);
            return new OpenedGraph(model, model.Open(256, 1, 0, CacheType.F16));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static float[] Logits(OpenedGraph graph)
    {
        using (graph)
            return Logits(graph.Language);
    }

    private static float[] Logits(ILanguage language)
    {
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, null);
        for (int position = 0; position < 20; position++)
            batch.AddToken(5 + 7 * position, 0, position, position == 19);
        Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
        return language.Logits(19).ToArray();
    }

    private string Write(
        string name,
        string[] matrices,
        float alpha = Rank,
        string architecture = "llama",
        long[]? shape = null,
        bool hasDown = true,
        bool hasUp = true
    )
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", architecture);
        writer.AddMetadata("general.type", "adapter");
        writer.AddMetadata("adapter.type", "lora");
        writer.AddMetadata("adapter.lora.alpha", alpha);
        foreach (string matrix in matrices)
        {
            long[] sizes = shape ?? [.. file.Tensors.Single(tensor => tensor.Name == matrix).Shape];
            if (hasDown)
                Add(writer, matrix + ".lora_a", sizes[0], Rank);
            if (hasUp)
                Add(writer, matrix + ".lora_b", Rank, sizes[1]);
        }

        string path = System.IO.Path.Combine(folder.FullName, name);
        writer.Save(path);
        return path;
    }

    private static void Add(GgufWriter writer, string name, long inputs, long outputs)
    {
        var values = new float[inputs * outputs];
        for (int index = 0; index < values.Length; index++)
            values[index] = 0.2f * MathF.Sin(index * 12.9898f + name.Length);
        writer.AddTensor(name, GgufTensorType.F32, [inputs, outputs], MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private sealed record OpenedGraph(GraphLanguageModel Model, ILanguage Language) : IDisposable
    {
        public void Dispose()
        {
            Language.Dispose();
            Model.Dispose();
        }
    }
}
