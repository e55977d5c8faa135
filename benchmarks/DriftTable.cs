using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Tessera.Engine.Tests;
using Tessera.Gguf;
using Tessera.Synthetic;

namespace Tessera.Benchmarks;

/// <summary>
/// What each type of the vision tower's weights costs in truth: cosine per token of the embeddings to those of float32 weights, and the
/// processor time of an encode. Towers of real sizes with random weights, once even and once with outliers: every 128th input of each
/// matrix has weights sixteen times as large, so that the others of its block of 32 are left with four bits.
/// </summary>
internal static class DriftTable
{
    private const int OutlierStep = 128;
    private const float OutlierFactor = 16;

    /// <param name="args">The folder for the files that are made, some 2.5 GB at a time; without it, a temporary one.</param>
    public static int Run(string[] args)
    {
        string folder = args is [string given] ? given : Path.GetTempPath();
        var picture = new PromptImage(File.ReadAllBytes(RepositoryRoot.Path("samples", "shapes.png")), "shapes.png");
        Console.WriteLine(
            "| tower | weights | type in memory | mean cosine | worst token | load, processor | encode, processor "
                + "|\n|---|---|---|---:|---:|---:|---:|"
        );
        foreach (string name in (string[])["llava-1.5-1b", "minicpm-v-1b"])
        {
            foreach (bool hasOutliers in (bool[])[false, true])
                Compare(name, hasOutliers, picture, folder);
        }

        return 0;
    }

    private static void Compare(string name, bool hasOutliers, PromptImage picture, string folder)
    {
        string wide = Path.Combine(folder, $"drift-{name}-F32.gguf"),
            half = Path.Combine(folder, $"drift-{name}-F16.gguf"),
            source = Path.Combine(folder, $"drift-{name}-source.gguf");
        try
        {
            SyntheticModels.WriteVision(SyntheticShape.All.First(shape => shape.Name == name), source, GgufTensorType.F32);
            Rewrite(source, wide, hasOutliers, GgufTensorType.F32);
            File.Delete(source);
            Rewrite(wide, half, hasOutliers: false, GgufTensorType.F16);
            Measured reference = Encode(wide, VisionType.File, picture);
            Print(name, hasOutliers, "F32", reference, reference);
            Print(name, hasOutliers, "F16 (file)", Encode(half, VisionType.File, picture), reference);
            Print(name, hasOutliers, "F16 (auto)", Encode(half, VisionType.Auto, picture), reference);
            Print(name, hasOutliers, "Q8_0 (q8_0)", Encode(half, VisionType.Q8_0, picture), reference);
        }
        finally
        {
            foreach (string path in (string[])[wide, half, source])
                File.Delete(path);
        }
    }

    private static void Rewrite(string from, string to, bool hasOutliers, GgufTensorType matrixType)
    {
        using GgufFile file = GgufFile.Open(from);
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in file.Metadata)
            writer.AddMetadata(key, value);
        foreach (GgufTensor tensor in file.Tensors)
        {
            bool isMatrix = tensor.Type == GgufTensorType.F32 && tensor.Shape.Length == 2;
            writer.AddTensor(
                tensor.Name,
                isMatrix ? matrixType : tensor.Type,
                tensor.Shape.AsSpan(),
                stream => Write(file, tensor, isMatrix && hasOutliers, isMatrix && matrixType == GgufTensorType.F16, stream)
            );
        }

        writer.Save(to);
    }

    private static void Write(GgufFile file, GgufTensor tensor, bool hasOutliers, bool toHalf, Stream stream)
    {
        var bytes = new byte[tensor.ByteLength];
        file.ReadTensorData(tensor, 0, bytes);
        if (hasOutliers)
        {
            Span<float> values = MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
            for (int index = 0; index < values.Length; index++)
                if (index % tensor.Shape[0] % OutlierStep == OutlierStep / 2)
                    values[index] *= OutlierFactor;
        }

        if (!toHalf)
        {
            stream.Write(bytes);
            return;
        }

        ReadOnlySpan<float> wide = MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
        var halves = new byte[wide.Length * 2];
        for (int index = 0; index < wide.Length; index++)
            BinaryPrimitives.WriteHalfLittleEndian(halves.AsSpan(2 * index), (Half)wide[index]);
        stream.Write(halves);
    }

    private static Measured Encode(string path, VisionType type, PromptImage picture)
    {
        using VisionModel vision = VisionModel.Open(path);
        TimeSpan started = Environment.CpuUsage.TotalTime;
        vision.LoadWeights(type: type);
        TimeSpan loaded = Environment.CpuUsage.TotalTime;
        ImageEncoding encoding = vision.Encode(picture);
        return new Measured(encoding.Embeddings.ToArray(), encoding.Width, loaded - started, Environment.CpuUsage.TotalTime - loaded);
    }

    private static void Print(string name, bool hasOutliers, string type, Measured measured, Measured reference)
    {
        double[] cosines =
        [
            .. Enumerable
                .Range(0, reference.Embeddings.Length / reference.Width)
                .Select(row => Cosine(Row(measured, row), Row(reference, row))),
        ];
        string tower = name.StartsWith("minicpm", StringComparison.Ordinal) ? "SigLIP-400M and resampler" : "ViT-L/14-336 and MLP";
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"| {tower} | {(hasOutliers ? "with outliers" : "even")} | {type} | {cosines.Average():F6} | {cosines.Min():F6} | "
                    + $"{measured.Load.TotalSeconds:F2} s | {measured.Encode.TotalSeconds:F1} s |"
            )
        );
    }

    private static ReadOnlySpan<float> Row(Measured measured, int row) => measured.Embeddings.AsSpan(row * measured.Width, measured.Width);

    private static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double product = 0,
            lengthA = 0,
            lengthB = 0;
        for (int index = 0; index < a.Length; index++)
        {
            product += (double)a[index] * b[index];
            lengthA += (double)a[index] * a[index];
            lengthB += (double)b[index] * b[index];
        }

        return product / Math.Sqrt(lengthA * lengthB);
    }

    private sealed record Measured(float[] Embeddings, int Width, TimeSpan Load, TimeSpan Encode);
}
