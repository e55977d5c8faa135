using Tessera.Cli.Tests.Support;
using Tessera.Gguf;

namespace Tessera.Cli.Tests;

/// <summary>Model files that cannot be used: each gets one sentence that names it.</summary>
public sealed class BadModelTests : IDisposable
{
    private static readonly string Picture = Goldens.Picture("small");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public Task Missing() => FailsForBothAsync(folder.File("missing.gguf"), "there is no such file");

    [Fact]
    public Task Empty() => FailsForBothAsync(folder.File("empty.gguf", []), "empty");

    [Fact]
    public Task A_folder() => FailsForBothAsync(folder.FullName, "directory");

    [Fact]
    public Task A_picture() => FailsForBothAsync(Picture, "GGUF");

    [Theory]
    [InlineData(20)]
    [InlineData(5_000)]
    [InlineData(100_000)]
    public async Task Truncated(int length)
    {
        string language = folder.File("cut.gguf", File.ReadAllBytes(Goldens.Language).AsSpan(0, length));
        (await AskAsync(language, Goldens.Projector)).ShouldFail(1, language);
        string projector = folder.File("cut-mmproj.gguf", File.ReadAllBytes(Goldens.Projector).AsSpan(0, length));
        (await AskAsync(Goldens.Language, projector)).ShouldFail(1, projector);
    }

    [Fact]
    public async Task A_text_model_as_projector()
    {
        (await AskAsync(Goldens.Language, Goldens.Language)).ShouldFail(1, Goldens.Language, "language model", "--mmproj");
        (await CliProcess.RunAsync("look", "--mmproj", Goldens.Language, Picture)).ShouldFail(1, Goldens.Language, "--mmproj");
        (await CliProcess.RunAsync("encode", "--mmproj", Goldens.Language, Picture, "--out", folder.File("x.npy"))).ShouldFail(
            1,
            Goldens.Language,
            "--mmproj"
        );
    }

    [Fact]
    public async Task The_pair_swapped() =>
        (await AskAsync(Goldens.Projector, Goldens.Language)).ShouldFail(1, Goldens.Language, "language model", "-m", "--mmproj");

    [Fact]
    public async Task A_projector_of_another_width()
    {
        string tiny = Goldens.RepositoryPath("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf");
        (await AskAsync(Goldens.Language, tiny)).ShouldFail(1, tiny, Goldens.Language, "256", "64", "do not belong together");
    }

    [Fact]
    public async Task An_unknown_projector_type()
    {
        string projector = EditableModel.Read(Goldens.Projector).Set("clip.projector_type", "hologram").Save(folder.File("mmproj.gguf"));
        (await AskAsync(Goldens.Language, projector)).ShouldFail(1, projector, "clip.projector_type", "hologram", "supported are");
    }

    [Fact]
    public async Task No_projector_beside_the_model()
    {
        string language = folder.File("alone.gguf", File.ReadAllBytes(Goldens.Language));
        (await CliProcess.RunAsync("ask", "-m", language, "-i", Picture, "What?")).ShouldFail(1, language, "--mmproj");
        (await CliProcess.RunAsync("look", "-m", language, Picture)).ShouldFail(1, language, "--mmproj");
    }

    [Fact]
    public async Task A_name_that_is_no_model() =>
        (await CliProcess.RunAsync("ask", "-m", "llava-99", "What?")).ShouldFail(1, "llava-99", "did you mean llava-1.5-7b", "?");

    [Theory]
    [InlineData("clip.vision.image_mean", 1e38f)]
    [InlineData("clip.vision.image_std", 1e38f)]
    [InlineData("clip.vision.image_std", 0f)]
    [InlineData("clip.vision.image_mean", float.NaN)]
    public async Task Colours_that_cannot_be(string key, float value)
    {
        string projector = EditableModel
            .Read(Goldens.Projector)
            .Set(key, GgufValue.FromArray<float>([value, value, value]))
            .Save(folder.File("mmproj.gguf"));
        (await CliRun.InProcessAsync("look", "--mmproj", projector, Picture)).ShouldFail(1, projector, key);
    }

    [Theory]
    [InlineData("mm.0.weight", GgufTensorType.Q8_1)]
    [InlineData("mm.0.bias", GgufTensorType.I32)]
    [InlineData("v.blk.0.ln1.weight", GgufTensorType.F64)]
    public async Task Weights_of_a_type_without_kernels(string name, GgufTensorType type)
    {
        EditableModel model = EditableModel.Read(Goldens.Projector);
        string projector = model.Set(model.Tensor(name) with { Type = type }).Save(folder.File("mmproj.gguf"));
        (await AskAsync(Goldens.Language, projector)).ShouldFail(1, projector, name, type.ToString());
    }

    [Fact]
    public async Task Weights_that_are_not_numbers()
    {
        EditableModel model = EditableModel.Read(Goldens.Projector);
        byte[] data = model.Tensor("mm.0.bias").Data;
        BitConverter.TryWriteBytes(data, float.NaN);
        string projector = model.Set(model.Tensor("mm.0.bias") with { Data = data }).Save(folder.File("mmproj.gguf"));
        (await AskAsync(Goldens.Language, projector)).ShouldFail(1, projector, "not numbers");
    }

    [Fact]
    public async Task More_patches_than_any_picture_needs()
    {
        string projector = SlowProjectors.WriteHuge(folder.File("huge.gguf"));
        (await CliProcess.RunAsync("encode", "--mmproj", projector, Picture, "--out", folder.File("x.npy"), "--threads", "1")).ShouldFail(
            1,
            projector,
            "clip.vision.image_size",
            "patches"
        );
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("none")]
    [InlineData("x")]
    public async Task A_tokenizer_that_writes_no_text(string tokenizer)
    {
        string language = EditableModel.Read(Goldens.Language).Set("tokenizer.ggml.model", tokenizer).Save(folder.File("language.gguf"));
        (await AskAsync(language, Goldens.Projector)).ShouldFail(1, language, "tokenizer.ggml.model", tokenizer);
    }

    // libllama reads the vocabularies of models that run as graphs without the trial that its own architectures get.
    [Theory]
    [InlineData("merges")]
    [InlineData("token_type")]
    [InlineData("token_embd.weight")]
    public async Task A_vocabulary_of_a_model_as_graphs(string broken)
    {
        string golden = Goldens.RepositoryPath("tests", "goldens", "blip-2", "blip2-opt", "language-f16.gguf");
        EditableModel model = EditableModel.Read(golden);
        EditableTensor embeddings = model.Tensor("token_embd.weight");
        long width = embeddings.Shape[0];
        _ = broken switch
        {
            "merges" => model.Set("tokenizer.ggml.merges", 2f),
            "token_type" => model.Set("tokenizer.ggml.token_type", GgufValue.FromArray<int>([1, 1])),
            _ => model.Set(embeddings with { Shape = [width, 64], Data = embeddings.Data[..(int)(width * 64 * sizeof(short))] }),
        };
        string language = model.Save(folder.File("opt.gguf"));
        (await CliProcess.RunAsync("ask", "-m", language, "--threads", "1", "What?")).ShouldFail(1, language, broken);
    }

    [Fact]
    public async Task A_tokenizer_that_knows_no_token_for_a_text()
    {
        string language = EditableModel.Read(Goldens.Language).Set("tokenizer.ggml.model", "rwkv").Save(folder.File("rwkv.gguf"));
        CliRun run = await CliProcess.RunAsync("ask", "-m", language, "--threads", "1", "--max-tokens", "2", "What is \u00ABthis\u00BB?");
        run.ShouldFail(1);
    }

    // No check of the engine knows this one: an assertion in llama.cpp ends the process, which must not look like a crash.
    [Fact]
    public async Task An_assertion_in_llama_cpp()
    {
        string language = LanguageModels.WriteAsserting(folder.File("language.gguf"));
        (await CliProcess.RunAsync("ask", "-m", language, "--threads", "1", "--max-tokens", "2", "What?")).ShouldFail(
            1,
            language,
            "GGML_ASSERT",
            "download it again"
        );
    }

    private static async Task FailsForBothAsync(string path, string reason)
    {
        (await AskAsync(path, Goldens.Projector)).ShouldFail(1, path, reason);
        (await AskAsync(Goldens.Language, path)).ShouldFail(1, path, reason);
        (await CliProcess.RunAsync("inspect", path)).ShouldFail(1, path, reason);
    }

    private static Task<CliRun> AskAsync(string language, string projector) =>
        CliProcess.RunAsync("ask", "-m", language, "--mmproj", projector, "-i", Picture, "--threads", "1", "--max-tokens", "2", "What?");
}
