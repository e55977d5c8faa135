using System.Collections.Immutable;
using Tessera.Cli.Tests.Support;
using Tessera.Gguf;

namespace Tessera.Cli.Tests;

/// <summary>
/// Language models that once ended the process: each is refused with one sentence before libllama reads it. They run in this process,
/// which no trial protects.
/// </summary>
public sealed class FoundModelTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string> Found =>
        new()
        {
            { "phi3 rope 0", "rope.dimension_count is 0" },
            { "qwen2 key heads differ", "qwen2.attention.head_count_kv is not the same for every block" },
            { "qwen2 head size", "attention.head_count * attention.key_length == embedding_length" },
            { "token with NUL", "tokenizer.ggml.tokens holds '<s>' twice" },
            { "alignment 2", "does not lie at a multiple of 32 bytes" },
            { "used experts 0", "expert_used_count.sum is 0" },
            { "used experts in blocks", "expert_used_count is 0" },
            { "qwen35 without gate", "tensor 'blk.0.attn_gate.weight' is missing" },
            { "qwen35 without qkv", "tensor 'blk.0.attn_qkv.weight' is missing" },
            { "qwen35 negative section", "qwen35.rope.dimension_sections is -2" },
            { "qwen35 no sections", "rope.dimension_sections.sum is 0" },
            { "qwen35 rope 0", "rope.dimension_count is 0" },
            { "qwen35 inner size", "ssm.inner_size is 128" },
            { "qwen35moe", "expert_count is 0" },
            { "dream", "cannot answer here" },
        };

    [Theory]
    [MemberData(nameof(Found))]
    public async Task Is_refused(string kind, string reason)
    {
        string path = Write(kind);
        (await AskAsync(path)).ShouldFail(1, path, reason);
    }

    [Theory]
    [InlineData("whole", null)]
    [InlineData("missing", "there is no such file")]
    [InlineData("type", "blk.1.attn_norm.weight")]
    [InlineData("number", "split.no is not 1")]
    [InlineData("twice", "is in another of the model's files too")]
    public async Task All_parts_of_a_split_model_are_checked(string change, string? problem)
    {
        string first = folder.File("model-00001-of-00002.gguf"),
            second = folder.File("model-00002-of-00002.gguf");
        EditableModel model = EditableModel.Read(Goldens.Language),
            rest = new();
        foreach (
            EditableTensor tensor in model
                .Tensors.Where(static tensor => tensor.Name.StartsWith("blk.1.", StringComparison.Ordinal))
                .ToArray()
        )
        {
            rest.Set(tensor);
            if (change != "twice" || tensor.Name != "blk.1.attn_norm.weight")
                model.RemoveTensor(tensor.Name);
        }

        int count = model.Tensors.Count + rest.Tensors.Count;
        foreach ((EditableModel part, int number) in ((EditableModel, int)[])[(model, 0), (rest, change == "number" ? 0 : 1)])
            part.Set("split.count", (ushort)2).Set("split.no", (ushort)number).Set("split.tensors.count", count);
        if (change == "type")
            rest.Set(rest.Tensor("blk.1.attn_norm.weight") with { Type = GgufTensorType.I8 });
        model.Save(first);
        if (change != "missing")
            rest.Save(second);
        CliRun run = await AskAsync(first);
        if (problem is null)
            Assert.Equal((0, "The answer was cut after 2 tokens: raise --max-tokens.\n"), (run.ExitCode, run.Error));
        else
            run.ShouldFail(1, second, problem);
        if (change == "whole")
            (await AskAsync(second)).ShouldFail(1, second, "-00001-of-00002.gguf");
    }

    private static Task<CliRun> AskAsync(string path) =>
        CliRun.InProcessAsync("ask", "-m", path, "--threads", "1", "--max-tokens", "2", "What?");

    private string Write(string kind)
    {
        string path = folder.File("language.gguf");
        switch (kind)
        {
            case "phi3 rope 0":
                return Change("phi3", path).Set("phi3.rope.dimension_count", 0u).Save(path);
            case "qwen2 key heads differ":
                return Change("qwen2", path).Set("qwen2.attention.head_count_kv", GgufValue.FromArray<uint>([2, 2, 6])).Save(path);
            case "qwen2 head size":
                return Change("qwen2", path)
                    .Set("qwen2.attention.key_length", 32u)
                    .Set("qwen2.attention.value_length", 32u)
                    .Set("qwen2.rope.dimension_count", 32u)
                    .Save(path);
            case "used experts 0":
                return Change("moe", path).Set("llama.expert_used_count", 0u).Save(path);
            case "used experts in blocks":
                return Change("moe", path).Set("llama.expert_used_count", GgufValue.FromArray<uint>([2, 0, 2])).Save(path);
            case "dream":
                return Rename(EditableModel.Read(Goldens.Language), "llama", "dream").Save(path);
            case "alignment 2":
                return SaveUnaligned(path);
            case "token with NUL":
                EditableModel model = EditableModel.Read(Goldens.Language);
                model["tokenizer.ggml.tokens"].TryGetArray(out ReadOnlyMemory<string> tokens);
                string[] changed = tokens.ToArray();
                changed[^1] = "<s>\0more";
                return model.Set("tokenizer.ggml.tokens", GgufValue.FromArray<string>(changed)).Save(path);
            default:
                return Qwen35(kind).Save(path);
        }
    }

    private static EditableModel Change(string kind, string path) => EditableModel.Read(LanguageModels.Write(kind, path));

    private static EditableModel Qwen35(string kind)
    {
        EditableModel model = EditableModel.Read(
            Goldens.RepositoryPath("tests", "goldens", "minicpm-v", "minicpm-v-4.6", "language-f16.gguf")
        );
        return kind switch
        {
            "qwen35 without gate" => model.RemoveTensor("blk.0.attn_gate.weight"),
            "qwen35 without qkv" => model.RemoveTensor("blk.0.attn_qkv.weight"),
            "qwen35 negative section" => model.Set("qwen35.rope.dimension_sections", GgufValue.FromArray<int>([-2, 1, 1, 0])),
            "qwen35 no sections" => model.Set("qwen35.rope.dimension_sections", GgufValue.FromArray<int>([0, 0, 0, 0])),
            "qwen35 rope 0" => model.Set("qwen35.rope.dimension_count", 0u),
            "qwen35 inner size" => model.Set("qwen35.ssm.inner_size", 128u),
            "qwen35moe" => Rename(model, "qwen35", "qwen35moe"),
            _ => throw new ArgumentException($"There is no model '{kind}'."),
        };
    }

    private static EditableModel Rename(EditableModel model, string from, string to)
    {
        foreach (
            (string key, GgufValue value) in model
                .Metadata.Where(entry => entry.Key.StartsWith(from + ".", StringComparison.Ordinal))
                .ToArray()
        )
            model.Remove(key).Set($"{to}.{key[(from.Length + 1)..]}", value);
        return model.Set("general.architecture", to);
    }

    // One tensor's length is no multiple of 32, so that the next one lies where the first ends.
    private static string SaveUnaligned(string path)
    {
        EditableModel model = EditableModel.Read(Goldens.Language);
        model.Tensors.Insert(0, new EditableTensor("odd", GgufTensorType.F32, ImmutableArray.Create(3L), new byte[12]));
        return model.Save(path, alignment: 2);
    }
}
