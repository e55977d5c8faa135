using System.Runtime.InteropServices;
using Tessera.Gguf;

namespace Tessera.Cli.Tests.Support;

/// <summary>
/// Language models of the shapes found in the wild, made from the golden's (64 wide, 4 heads, 3 blocks, 395 tokens): their answers
/// mean nothing, but they must load. Tensor names and shapes follow ggml-org/llama.cpp v0.5.0, src/models/*.cpp.
/// </summary>
internal static class LanguageModels
{
    public static readonly string[] Names =
    [
        "tied",
        "bf16",
        "moe",
        "longrope",
        "llama-3",
        "qwen2",
        "qwen3",
        "phi3",
        "internlm2",
        "minicpm",
    ];

    private const int BlockCount = 3;
    private const int Width = 64;
    private const int HeadSize = 16;
    private const int Inner = 128;

    /// <summary>Writes a model of a kind.</summary>
    public static string Write(string kind, string path)
    {
        EditableModel model = EditableModel.Read(Goldens.Language);
        switch (kind)
        {
            case "tied":
                model.RemoveTensor("output.weight");
                break;
            case "bf16":
                Retype(model);
                break;
            case "moe":
                MakeExperts(model, expertCount: 4);
                break;
            case "longrope":
                MakeLongRope(model, "llama");
                break;
            case "llama-3":
                UseByteLevelTokens(model, "llama-bpe");
                model.Set(Vector("rope_freqs.weight", HeadSize / 2));
                break;
            case "qwen2" or "qwen2vl":
                Rename(model, kind);
                if (kind == "qwen2vl")
                    model.Set("qwen2vl.rope.dimension_sections", GgufValue.FromArray<int>([2, 3, 3, 0]));
                UseByteLevelTokens(model, "qwen2");
                foreach ((string name, int length) in (ReadOnlySpan<(string, int)>)[("q", 64), ("k", 32), ("v", 32)])
                    AddToBlocks(model, $"attn_{name}.bias", length);
                model.RemoveTensor("output.weight").Remove("tokenizer.ggml.unknown_token_id").Set("tokenizer.ggml.add_bos_token", false);
                break;
            case "qwen3":
                Rename(model, "qwen3");
                UseByteLevelTokens(model, "qwen2");
                AddToBlocks(model, "attn_q_norm.weight", HeadSize);
                AddToBlocks(model, "attn_k_norm.weight", HeadSize);
                break;
            case "phi3":
                Rename(model, "phi3");
                Fuse(model);
                MakeLongRope(model, "phi3");
                break;
            case "internlm2":
                Rename(model, "internlm2");
                break;
            case "minicpm":
                Rename(model, "minicpm");
                model.Set("minicpm.embedding_scale", 12f).Set("minicpm.residual_scale", 0.8f).Set("minicpm.logit_scale", 4f);
                break;
        }

        return model.Save(path);
    }

    /// <summary>
    /// Writes a model that no check of the engine refuses and that an assertion in ggml ends: its convolution is of 16 bits, which
    /// <c>ggml_ssm_conv</c> does not take.
    /// </summary>
    public static string WriteAsserting(string path)
    {
        EditableModel model = EditableModel.Read(
            Goldens.RepositoryPath("tests", "goldens", "minicpm-v", "minicpm-v-4.6", "language-f16.gguf")
        );
        return model.Set(model.Tensor("blk.0.ssm_conv1d.weight") with { Type = GgufTensorType.F16 }).Save(path);
    }

    private static void Rename(EditableModel model, string architecture)
    {
        foreach (
            (string key, GgufValue value) in model
                .Metadata.Where(static entry => entry.Key.StartsWith("llama.", StringComparison.Ordinal))
                .ToArray()
        )
            model.Remove(key).Set($"{architecture}.{key["llama.".Length..]}", value);
        model.Set("general.architecture", architecture);
    }

    // As many of the embedded model's tokens as there are embeddings.
    private static void UseByteLevelTokens(EditableModel model, string preTokenizer)
    {
        EditableModel tiny = EditableModel.Read(Goldens.RepositoryPath("models", "tiny", "tessera-tiny-Q8_0.gguf"));
        tiny["tokenizer.ggml.tokens"].TryGetArray(out ReadOnlyMemory<string> tokens);
        tiny["tokenizer.ggml.token_type"].TryGetArray(out ReadOnlyMemory<int> types);
        model
            .Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.pre", preTokenizer)
            .Remove("tokenizer.ggml.scores")
            .Set("tokenizer.ggml.merges", tiny["tokenizer.ggml.merges"])
            .Set("tokenizer.ggml.tokens", GgufValue.FromArray(tokens.Span[..395]))
            .Set("tokenizer.ggml.token_type", GgufValue.FromArray(types.Span[..395]));
    }

    private static void Retype(EditableModel model)
    {
        foreach (EditableTensor tensor in model.Tensors.Where(static tensor => tensor.Shape.Length == 2).ToArray())
            model.Set(tensor with { Type = GgufTensorType.BF16, Data = new byte[tensor.Data.Length] });
    }

    private static void MakeExperts(EditableModel model, int expertCount)
    {
        model.Set("llama.expert_count", (uint)expertCount).Set("llama.expert_used_count", 2u);
        for (int block = 0; block < BlockCount; block++)
        {
            model.Set(
                new EditableTensor(
                    $"blk.{block}.ffn_gate_inp.weight",
                    GgufTensorType.F32,
                    [Width, expertCount],
                    new byte[Width * expertCount * sizeof(float)]
                )
            );
            foreach (string name in (ReadOnlySpan<string>)["gate", "up", "down"])
            {
                EditableTensor one = model.Tensor($"blk.{block}.ffn_{name}.weight");
                model
                    .RemoveTensor(one.Name)
                    .Set(one with { Name = $"blk.{block}.ffn_{name}_exps.weight", Shape = one.Shape.Add(expertCount) });
            }
        }
    }

    private static void MakeLongRope(EditableModel model, string architecture) =>
        model
            .Set($"{architecture}.rope.scaling.type", "longrope")
            .Set($"{architecture}.rope.scaling.attn_factor", 1.19f)
            .Set($"{architecture}.rope.scaling.original_context_length", 1024u)
            .Set(Vector("rope_factors_long.weight", HeadSize / 2))
            .Set(Vector("rope_factors_short.weight", HeadSize / 2));

    // Phi-3 joins query, key and value, and the gate with the up projection.
    private static void Fuse(EditableModel model)
    {
        for (int block = 0; block < BlockCount; block++)
        {
            Join(
                model,
                $"blk.{block}.attn_qkv.weight",
                $"blk.{block}.attn_q.weight",
                $"blk.{block}.attn_k.weight",
                $"blk.{block}.attn_v.weight"
            );
            EditableTensor up = model.Tensor($"blk.{block}.ffn_up.weight");
            byte[] data = [.. model.Tensor($"blk.{block}.ffn_gate.weight").Data, .. up.Data];
            model.RemoveTensor($"blk.{block}.ffn_gate.weight").Set(up with { Shape = [Width, 2 * Inner], Data = data });
        }
    }

    private static void Join(EditableModel model, string name, params string[] parts)
    {
        EditableTensor[] tensors = [.. parts.Select(model.Tensor)];
        foreach (string part in parts)
            model.RemoveTensor(part);
        model.Set(
            tensors[0] with
            {
                Name = name,
                Shape = [Width, tensors.Sum(static tensor => tensor.Shape[1])],
                Data = [.. tensors.SelectMany(static tensor => tensor.Data)],
            }
        );
    }

    private static void AddToBlocks(EditableModel model, string name, int length)
    {
        for (int block = 0; block < BlockCount; block++)
            model.Set(Vector($"blk.{block}.{name}", length));
    }

    private static EditableTensor Vector(string name, int length) =>
        new(name, GgufTensorType.F32, [length], MemoryMarshal.AsBytes(Enumerable.Repeat(1f, length).ToArray().AsSpan()).ToArray());
}
