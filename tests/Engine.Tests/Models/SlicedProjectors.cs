using Tessera.Engine.Tests.Gguf;
using Tessera.Gguf;
using Tessera.Vision.Families;

namespace Tessera.Engine.Tests.Models;

/// <summary>Small projector files of MiniCPM-V and LLaVA-UHD, with what their configurations are read from.</summary>
internal static class SlicedProjectors
{
    /// <summary>A file, its configuration changed by a test before it is written.</summary>
    public static FamilyParts Open(TemporaryFolder folder, Action<Contents> change)
    {
        using GgufFile file = GgufFile.Open(Write(folder, change));
        return VisionFamilies.Find(file).Open(file, Preprocessing.Original);
    }

    public static string NameOf(TemporaryFolder folder, Action<Contents> change)
    {
        using GgufFile file = GgufFile.Open(Write(folder, change));
        return VisionFamilies.Find(file).NameOf(file);
    }

    /// <summary>The file of a release at its true slice size, its widths small.</summary>
    public static Contents Release(string family)
    {
        if (family.StartsWith("4.6", StringComparison.Ordinal))
            return Release46(factor: family == "4.6" ? 4u : 2u);
        var contents = new Contents();
        contents.Metadata["clip.projector_type"] = family == "uhd" ? "uhd_resampler" : "resampler";
        contents.Metadata["clip.vision.image_size"] = family == "uhd" ? 336u : 448u;
        if (family != "uhd")
            contents.Metadata["clip.minicpmv_version"] = family switch
            {
                "2.0" => 1,
                "2.5" => 2,
                _ => 3,
            };
        contents.Shapes["v.position_embd.weight"] =
        [
            8,
            family switch
            {
                "uhd" => 577,
                "2.0" => 729,
                _ => 4900,
            },
        ];
        contents.Shapes["resampler.query"] = [8, family == "2.5" ? 96 : 64];
        if (family == "uhd")
            contents.Shapes["v.class_embd"] = [8];
        return contents;
    }

    private static Contents Release46(uint factor)
    {
        var contents = new Contents();
        contents.Metadata["clip.projector_type"] = "minicpmv4_6";
        contents.Metadata["clip.vision.image_size"] = 448u;
        contents.Metadata["clip.vision.projector.scale_factor"] = factor;
        contents.Metadata["clip.vision.wa_layer_indexes"] = new[] { 0 };
        contents.Shapes["v.position_embd.weight"] = [8, 4900];
        contents.Shapes["mm.up.weight"] = [32, 32];
        contents.Shapes["mm.down.weight"] = [32, 8];
        if (factor == 4)
            contents.Shapes["v.vit_merger.ds_ffn_up.weight"] = [32, 64];
        return contents;
    }

    public static string Write(TemporaryFolder folder, Action<Contents> change)
    {
        Contents contents = Release("2.6");
        change(contents);
        var writer = new GgufWriter();
        foreach ((string key, object value) in contents.Metadata)
        {
            switch (value)
            {
                case string text:
                    writer.AddMetadata(key, text);
                    break;
                case uint number:
                    writer.AddMetadata(key, number);
                    break;
                case int number:
                    writer.AddMetadata(key, number);
                    break;
                case bool flag:
                    writer.AddMetadata(key, flag);
                    break;
                case float real:
                    writer.AddMetadata(key, real);
                    break;
                case int[] numbers:
                    writer.AddMetadata(key, GgufValue.FromArray<int>(numbers));
                    break;
                case string[] texts:
                    writer.AddMetadata(key, GgufValue.FromArray<string>(texts));
                    break;
                case float[] reals:
                    writer.AddMetadata(key, GgufValue.FromArray<float>(reals));
                    break;
            }
        }

        foreach ((string name, long[] shape) in contents.Shapes)
            writer.AddTensor(name, GgufTensorType.F16, shape, new byte[2 * shape.Aggregate(1L, static (product, side) => product * side)]);
        string path = folder.File($"{Guid.NewGuid():N}.gguf");
        writer.Save(path);
        return path;
    }

    internal sealed class Contents
    {
        public Dictionary<string, object> Metadata { get; } =
            new()
            {
                ["general.architecture"] = "clip",
                ["clip.vision.patch_size"] = 14u,
                ["clip.vision.embedding_length"] = 8u,
                ["clip.vision.feed_forward_length"] = 16u,
                ["clip.vision.attention.head_count"] = 2u,
                ["clip.vision.attention.layer_norm_epsilon"] = 1e-6f,
                ["clip.vision.image_mean"] = new[] { 0.5f, 0.5f, 0.5f },
                ["clip.vision.image_std"] = new[] { 0.5f, 0.5f, 0.5f },
            };

        public Dictionary<string, long[]> Shapes { get; } = new() { ["v.blk.0.ln1.weight"] = [8] };

        /// <summary>Takes over everything of another file.</summary>
        public void Become(Contents other)
        {
            Metadata.Clear();
            Shapes.Clear();
            foreach ((string key, object value) in other.Metadata)
                Metadata[key] = value;
            foreach ((string name, long[] shape) in other.Shapes)
                Shapes[name] = shape;
        }
    }
}
