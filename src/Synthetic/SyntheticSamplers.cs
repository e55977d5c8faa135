using Tessera.Gguf;

namespace Tessera.Synthetic;

/// <summary>The keys of Cambrian-1's layers in the language model (docs/gguf.md).</summary>
internal static class SyntheticSamplers
{
    public static void WriteKeys(GgufWriter writer, LanguageShape shape)
    {
        writer.AddMetadata("cambrian.sampler.block_count", (uint)shape.SamplerCount);
        writer.AddMetadata("cambrian.sampler.stride", (uint)shape.SamplerStride);
        writer.AddMetadata("cambrian.sampler.head_count", 16u);
        writer.AddMetadata("cambrian.sampler.embedding_length", (uint)shape.MemoryWidth);
        writer.AddMetadata("cambrian.sampler.window_sides", GgufValue.FromArray<int>([1, 1, 1, 4]));
    }
}
