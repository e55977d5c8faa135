using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>Resizes rows: each output pixel is a weighted sum of neighbouring pixels of the same row. Its windows are made ready once for
/// many rows.</summary>
internal sealed unsafe class HorizontalPass
{
    private const int Half = 1 << (ResampleWindows.PrecisionBits - 1);

    private readonly ResampleWindows windows;
    private readonly PackedWindows? packed;
    private readonly SplitWindows? split;

    public HorizontalPass(ResampleWindows windows, ResampleCode code)
    {
        this.windows = windows;
        if (code == ResampleCode.Best && SplitWindows.AreSupported)
            split = new SplitWindows(windows);
        else if (code is ResampleCode.Best or ResampleCode.Avx2 && Avx2.IsSupported)
            packed = new PackedWindows(windows);
    }

    /// <summary>Fills the windows' columns of every output row from the same row of <paramref name="source"/>.</summary>
    public void Run(PixelRows source, PixelRows output, ResampleOptions options)
    {
        if (split is not null)
            HorizontalRows.ForEachFour(source, output, options, (from, to) => HorizontalPassVnni.Run(from, to, split, output.Width));
        else if (packed is not null)
            HorizontalRows.ForEachFour(source, output, options, (from, to) => HorizontalPassAvx2.Run(from, to, packed, output.Width));
        else
            RunPortable(source, output, options);
    }

    private void RunPortable(PixelRows source, PixelRows output, ResampleOptions options)
    {
        bool vectors = options.Code != ResampleCode.Scalar && Vector128.IsHardwareAccelerated;
        options.ForEach(
            output.RowCount,
            row =>
            {
                int y = output.FirstRow + row;
                fixed (byte* from = &source.Pixels[source.Offset(y)])
                fixed (byte* to = &output.Pixels[output.Offset(y)])
                {
                    if (vectors)
                        VectorRow(from, to, windows);
                    else
                        ScalarRow(from, to, windows);
                }
            }
        );
    }

    private static void ScalarRow(byte* source, byte* output, ResampleWindows windows)
    {
        for (int i = 0; i < windows.Count; i++)
        {
            byte* pixel = source + windows.Start(i) * RgbImage.BytesPerPixel;
            int red = Half,
                green = Half,
                blue = Half;
            foreach (int weight in windows.Weights(i))
            {
                red += pixel[0] * weight;
                green += pixel[1] * weight;
                blue += pixel[2] * weight;
                pixel += RgbImage.BytesPerPixel;
            }
            byte* target = output + (windows.FirstOutput + i) * RgbImage.BytesPerPixel;
            target[0] = ToByte(red);
            target[1] = ToByte(green);
            target[2] = ToByte(blue);
        }
    }

    private static void VectorRow(byte* source, byte* output, ResampleWindows windows)
    {
        for (int i = 0; i < windows.Count; i++)
        {
            byte* pixel = source + windows.Start(i) * RgbImage.BytesPerPixel;
            ReadOnlySpan<int> weights = windows.Weights(i);
            Vector128<int> sum = Vector128.Create(Half);
            for (int k = 0; k < weights.Length - 1; k++, pixel += RgbImage.BytesPerPixel)
                sum += Widen(Unsafe.ReadUnaligned<uint>(pixel)) * weights[k];
            // Four bytes at the last pixel would reach past the row.
            sum += Widen(pixel[0] | (uint)pixel[1] << 8 | (uint)pixel[2] << 16) * weights[^1];
            byte* target = output + (windows.FirstOutput + i) * RgbImage.BytesPerPixel;
            target[0] = ToByte(sum.GetElement(0));
            target[1] = ToByte(sum.GetElement(1));
            target[2] = ToByte(sum.GetElement(2));
        }
    }

    private static Vector128<int> Widen(uint pixel) =>
        Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(pixel).AsByte())).AsInt32();

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> ResampleWindows.PrecisionBits, 0, 255);
}
