using System.Diagnostics;
using System.Runtime.InteropServices;
using Tessera;
using Tessera.Compute.Kernels;
using Tessera.Native;
unsafe
{
    if (args[0] == "encode")
    {
        var type = Enum.Parse<VisionType>(args[2], true);
        using var vision = VisionModel.Open(args[1]);
        var sw = Stopwatch.StartNew();
        vision.LoadWeights(2, type);
        Console.WriteLine($"load {sw.ElapsedMilliseconds} ms");
        string picture = args[3];
        PromptImage image = PromptImage.FromFileAsync(picture).Result;
        var times = new List<double>();
        for (int i = 0; i < int.Parse(args[4]); i++)
        {
            sw.Restart();
            vision.Encode(image);
            times.Add(sw.Elapsed.TotalMilliseconds);
        }
        Console.WriteLine(string.Join(" ", times.Select(t => t.ToString("F0"))));
        return;
    }
    NativeRuntime.Start();
    foreach ((int k, int n, int m) in new[] { (1024, 1024, 577), (1024, 4096, 577), (4096, 1024, 577), (1024, 4096, 2885), (2048, 2048, 512), (2048, 5632, 512) })
    foreach (var type in new[] { ggml_type.GGML_TYPE_F16, ggml_type.GGML_TYPE_Q8_0 })
    foreach (var prec in new[] { ggml_prec.GGML_PREC_BF16, ggml_prec.GGML_PREC_F32 })
    {
        int weightBytes = type == ggml_type.GGML_TYPE_F16 ? 2 * k : k / 32 * 34;
        var t = (ggml_tensor*)NativeMemory.AllocZeroed(3, (nuint)sizeof(ggml_tensor));
        t[0] = T(type, k, n, weightBytes, Math.Max(1, type == ggml_type.GGML_TYPE_F16 ? 2 : 34));
        t[1] = T(ggml_type.GGML_TYPE_F32, k, m, 4 * k, 4);
        t[2] = T(ggml_type.GGML_TYPE_F32, n, m, 4 * n, 4);
        t[2].src[0] = (ulong)t; t[2].src[1] = (ulong)(t + 1); t[2].op_params[3] = (int)prec;
        using var kernel = new MatrixProductKernel();
        foreach (int threads in new[] { 1, 2 })
        {
            var times = new List<double>();
            for (int i = 0; i < 15; i++) { kernel.Begin(); var sw = Stopwatch.StartNew(); kernel.Compute(new MatrixProduct(t + 2), threads); times.Add(sw.Elapsed.TotalMilliseconds); }
            times.Sort();
            Console.WriteLine($"{k}x{n}x{m} {type} {prec} threads {threads}: {times[7]:F2} ms, {2.0 * k * n * m / times[7] / 1e6:F0} GFLOPS");
        }
    }
    static ggml_tensor T(ggml_type type, long w, long h, long rowBytes, int element)
    {
        var r = new ggml_tensor { type = type, data = (byte*)NativeMemory.AlignedAlloc((nuint)(rowBytes * h), 4096) };
        new Span<byte>(r.data, (int)(rowBytes * h)).Fill(0x11);
        r.ne[0] = w; r.ne[1] = h; r.ne[2] = r.ne[3] = 1; r.nb[0] = (ulong)element; r.nb[1] = (ulong)rowBytes; r.nb[2] = r.nb[3] = (ulong)(rowBytes * h);
        return r;
    }
}
