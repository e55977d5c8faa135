using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;
using Tessera.Native;
using Tessera.Quantizing;

namespace Tessera.Engine.NativeTests.Quantizing;

/// <summary>What the quantizer writes is what libllama's own writes, byte for byte, and what it refuses.</summary>
public sealed class QuantizerTests : IDisposable
{
    private static readonly string Projector = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf");
    private static readonly string Language = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf");
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-quantize").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("Q4_K_M")]
    [InlineData("Q4_0")]
    [InlineData("Q5_K_S")]
    [InlineData("IQ4_XS")]
    [InlineData("Q2_K")]
    [InlineData("F16")]
    public async Task A_language_model_is_what_libllama_makes_of_it(string recipe)
    {
        string ours = Path.Combine(folder, "ours.gguf"),
            theirs = Path.Combine(folder, "theirs.gguf");
        QuantizationPlan plan = await Quantizer.QuantizeAsync(Language, ours, new QuantizationOptions { Recipe = recipe, ThreadCount = 3 });
        Assert.False(plan.IsProjector);
        LetLlamaQuantize(Language, theirs, QuantizationRecipe.Require(recipe).FileType);
        using GgufFile a = GgufFile.Open(ours),
            b = GgufFile.Open(theirs);
        Assert.Equal(b.Tensors.Count, a.Tensors.Count);
        foreach (GgufTensor expected in b.Tensors)
        {
            Assert.True(a.TryGetTensor(expected.Name, out GgufTensor? found));
            Assert.Equal((expected.Name, expected.Type), (found.Name, found.Type));
            Assert.True(Data(b, expected).SequenceEqual(Data(a, found)), expected.Name);
        }

        Assert.Equal(b.Metadata.RequireUInt32("general.file_type"), a.Metadata.RequireUInt32("general.file_type"));
        Assert.Equal(b.Metadata.Keys.Order(), a.Metadata.Keys.Order());
        Assert.Equal(plan.Bytes, a.Tensors.Sum(static tensor => tensor.ByteLength));
    }

    [Theory]
    [InlineData("language-f16", "Q8_0")]
    [InlineData("language-f16", "Q4_0")]
    [InlineData("ollama-f16", "Q8_0")]
    public async Task A_language_model_that_libllama_lacks_is_quantized_all_the_same(string file, string recipe)
    {
        GoldenCase golden = GoldenCase.Find("llama-3.2-vision");
        string source = file == "language-f16" ? golden.LanguageModel : golden.WholeModel!,
            target = Path.Combine(folder, "model.gguf");
        await Quantizer.QuantizeAsync(source, target, new QuantizationOptions { Recipe = recipe });
        using (GgufFile made = GgufFile.Open(target))
        {
            Assert.True(made.TryGetTensor("blk.1.cross_attn_q_proj.weight", out GgufTensor? crossed));
            Assert.Equal(recipe, crossed.Type.ToString());
            Assert.True(made.TryGetTensor("blk.1.cross_attn_attn_gate", out GgufTensor? gate));
            Assert.Equal(GgufTensorType.F32, gate.Type);
        }

        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = target, ProjectorPath = file == "language-f16" ? golden.Projector : null }
        );
        GenerationResult result = await model.AnswerAsync(
            new Prompt("What?") { Images = [golden.Image("shapes")] },
            new GenerationOptions { Temperature = 0, MaxTokens = 4 }
        );
        Assert.NotEmpty(result.TokenIds);
    }

    [Fact]
    public async Task A_quantized_pair_answers()
    {
        string language = Path.Combine(folder, "model.gguf"),
            projector = Path.Combine(folder, "mmproj.gguf");
        await Quantizer.QuantizeAsync(Language, language, new QuantizationOptions { Recipe = "Q6_K" });
        await Quantizer.QuantizeAsync(Projector, projector, new QuantizationOptions { Recipe = "Q5_K_M" });
        using MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = language, ProjectorPath = projector });
        PromptImage picture = await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "shapes.png"));
        GenerationResult result = await model.AnswerAsync(
            new Prompt("What is in this picture?") { Images = [picture] },
            new GenerationOptions { Temperature = 0 }
        );
        Assert.Contains("yellow star", result.Text);
    }

    [Fact]
    public async Task Drift_is_small_at_eight_bits_and_larger_at_few()
    {
        PromptImage picture = await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "shapes.png"));
        var original = new ModelOptions { ModelPath = Language, ProjectorPath = Projector };
        string language = Path.Combine(folder, "model.gguf"),
            projector = Path.Combine(folder, "mmproj.gguf");
        await Quantizer.QuantizeAsync(Language, language, new QuantizationOptions { Recipe = "Q3_K_S" });
        await Quantizer.QuantizeAsync(Projector, projector, new QuantizationOptions { Recipe = "Q4_0" });
        QuantizationDrift same = (await QuantizationDrift.MeasureAsync(original, original, [picture]))[0];
        Assert.Equal((64, true), (same.TokenCount, same.FirstTokenIsSame));
        Assert.InRange(same.WorstCosine!.Value, 0.99999, 1.00001);
        Assert.InRange(same.LogitCosine!.Value, 0.99999, 1.00001);
        QuantizationDrift few = (
            await QuantizationDrift.MeasureAsync(original, new ModelOptions { ModelPath = language, ProjectorPath = projector }, [picture])
        )[0];
        Assert.InRange(few.MeanCosine!.Value, 0.8, 0.9999);
        Assert.InRange(few.LogitCosine!.Value, 0.8, 0.9999);
        QuantizationDrift alone = (await QuantizationDrift.MeasureAsync(Projector, projector, [picture]))[0];
        Assert.Equal(few.MeanCosine!.Value, alone.MeanCosine!.Value, 4);
        Assert.Null(alone.LogitCosine);
    }

    // Language models that run as graphs of our own, and pictures that are memories.
    [Theory]
    [InlineData("llama-3.2-vision")]
    [InlineData("idefics")]
    [InlineData("cogvlm2")]
    public async Task Drift_is_measured_where_layers_look_at_pictures(string golden)
    {
        GoldenCase files = GoldenCase.Find(golden);
        PromptImage picture = await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "shapes.png"));
        string language = Path.Combine(folder, "language.gguf"),
            projector = Path.Combine(folder, "mmproj.gguf");
        await Quantizer.QuantizeAsync(files.LanguageModel, language, new QuantizationOptions { Recipe = "Q4_0" });
        await Quantizer.QuantizeAsync(files.Projector, projector, new QuantizationOptions { Recipe = "Q8_0" });
        var original = new ModelOptions { ModelPath = files.LanguageModel, ProjectorPath = files.Projector };
        QuantizationDrift drift = (
            await QuantizationDrift.MeasureAsync(original, original with { ModelPath = language, ProjectorPath = projector }, [picture])
        )[0];
        Assert.Equal(drift.TokenCount, drift.TokenCosines.Count);
        Assert.InRange(drift.WorstCosine!.Value, 0.99, 0.9999999);
        Assert.InRange(drift.LogitCosine!.Value, 0.5, 0.99999);
        QuantizationDrift alone = (await QuantizationDrift.MeasureAsync(files.Projector, projector, [picture]))[0];
        Assert.Equal(drift.TokenCount, alone.TokenCount);
        Assert.Equal(drift.MeanCosine!.Value, alone.MeanCosine!.Value, 4);
    }

    [Fact]
    public async Task Of_a_projector_only_matrices_change_and_rows_that_fit_no_block_stay_half_precision()
    {
        QuantizationPlan plan = await Quantizer.PlanAsync(
            GoldenCase.Find("llava-1.5").Projector,
            new QuantizationOptions { Recipe = "Q4_K_M" }
        );
        Assert.True(plan.IsProjector);
        foreach (QuantizedTensor tensor in plan.Tensors.Where(static tensor => tensor.Type != tensor.SourceType))
        {
            Assert.EndsWith(".weight", tensor.Name);
            Assert.DoesNotContain("position", tensor.Name);
            Assert.Equal(
                tensor.Shape[0] % 256 == 0 ? GgufTensorType.Q4_K
                    : tensor.Shape[0] % 32 == 0 ? GgufTensorType.Q5_0
                    : GgufTensorType.F16,
                tensor.Type
            );
        }
    }

    [Fact]
    public async Task Rules_come_before_the_recipe()
    {
        var options = new QuantizationOptions
        {
            Recipe = "Q4_K_M",
            Keep = [new TensorRule("ffn_down", "q8_0"), new TensorRule("ffn_", "F16")],
        };
        QuantizationPlan plan = await Quantizer.PlanAsync(Language, options);
        Assert.All(
            plan.Tensors.Where(static tensor => tensor.Name.Contains("ffn_down")),
            static tensor => Assert.Equal(GgufTensorType.Q8_0, tensor.Type)
        );
        Assert.All(
            plan.Tensors.Where(static tensor => tensor.Name.Contains("ffn_up")),
            static tensor => Assert.Equal(GgufTensorType.F16, tensor.Type)
        );
    }

    [Theory]
    [InlineData("Q9_Z", "", "", "no quantization 'Q9_Z'")]
    [InlineData("Q4_0", "nowhere", "Q8_0", "'nowhere'")]
    [InlineData("Q4_0", "ffn_(", "Q8_0", "regular expression")]
    [InlineData("Q4_0", "ffn", "Q4_K_M", "no tensor type 'Q4_K_M'")]
    [InlineData("IQ2_XS", "", "", "importance matrix")]
    public async Task What_cannot_be_done_is_one_sentence(string recipe, string pattern, string type, string reason)
    {
        var options = new QuantizationOptions { Recipe = recipe, Keep = pattern.Length == 0 ? [] : [new TensorRule(pattern, type)] };
        Assert.Contains(reason, (await Assert.ThrowsAnyAsync<TesseraException>(() => Quantizer.PlanAsync(Language, options))).Message);
    }

    [Fact]
    public async Task What_was_quantized_to_few_bits_is_not_quantized_again()
    {
        string first = Path.Combine(folder, "first.gguf");
        await Quantizer.QuantizeAsync(Language, first, new QuantizationOptions { Recipe = "Q4_0" });
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            Quantizer.PlanAsync(first, new QuantizationOptions { Recipe = "Q5_0" })
        );
        Assert.Contains("already", failure.Message);
    }

    [Fact]
    public async Task Numbers_that_are_none_are_named_and_nothing_is_left()
    {
        string damaged = Path.Combine(folder, "damaged.gguf"),
            output = Path.Combine(folder, "out.gguf");
        await Quantizer.QuantizeAsync(Language, damaged, new QuantizationOptions { Recipe = "F16" });
        using (GgufFile file = GgufFile.Open(damaged))
        using (var stream = new FileStream(damaged, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.Position = file.Tensors.First(static tensor => tensor.Name == "blk.1.ffn_up.weight").DataOffset + 100;
            stream.Write([0x00, 0x7E]);
        }

        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            Quantizer.QuantizeAsync(damaged, output, new QuantizationOptions { Recipe = "Q4_K_M" })
        );
        Assert.Contains("blk.1.ffn_up.weight", failure.Message);
        Assert.Equal([damaged], Directory.GetFiles(folder));
    }

    [Fact]
    public async Task Cancelling_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        var progress = new Immediate(_ => stop.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Quantizer.QuantizeAsync(
                Language,
                Path.Combine(folder, "out.gguf"),
                new QuantizationOptions { Recipe = "Q4_K_M" },
                progress,
                stop.Token
            )
        );
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public async Task The_file_that_is_read_is_not_written() =>
        Assert.Contains(
            "is read",
            (
                await Assert.ThrowsAsync<ModelFileException>(() =>
                    Quantizer.QuantizeAsync(Language, Language, new QuantizationOptions { Recipe = "Q4_0" })
                )
            ).Message
        );

    private static byte[] Data(GgufFile file, GgufTensor tensor) => file.GetTensorData(tensor, 0, (int)tensor.ByteLength).ToArray();

    private static unsafe void LetLlamaQuantize(string from, string to, int fileType)
    {
        NativeRuntime.Start();
        llama_model_quantize_params parameters = LlamaQuantize.Defaults();
        parameters.ftype = fileType;
        parameters.allow_requantize = 1;
        Assert.Equal(0u, LlamaQuantize.llama_model_quantize(from, to, &parameters));
    }

    private sealed class Immediate(Action<QuantizationProgress> told) : IProgress<QuantizationProgress>
    {
        public void Report(QuantizationProgress value) => told(value);
    }
}
