using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Tessera.Checkpoints.Tensors;

/// <summary>
/// A square table of positions brought to another size, the class token's row first as it is: bicubic with a = -0.75, align_corners off, in
/// single precision (pytorch/pytorch v2.14, aten/src/ATen/native/UpSample.h; Vision-CAIR/MiniGPT-4, minigpt4/models/eva_vit.py,
/// interpolate_pos_embed).
/// </summary>
/// <param name="source">The table: [1 + oldSide * oldSide, width].</param>
/// <param name="oldSide">Its side.</param>
/// <param name="newSide">The side that is wanted.</param>
/// <param name="scale">Cells of the old side for each of the new; null for the sides' own.</param>
internal sealed class StretchedPositions(TensorValues source, int oldSide, int newSide, float? scale = null)
    : TensorValues(Weights.ElementType.F32, [(long)newSide * newSide + 1, source.RowLength])
{
    private const float A = -0.75f;
    private const int TapCount = 4;
    private readonly ImmutableArray<Tap> taps =
    [
        .. Enumerable.Range(0, newSide).Select(index => TapOf(index, oldSide, scale ?? (float)oldSide / newSide)),
    ];
    private readonly Lazy<float[]> table = new(() => ReadAll(source));

    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        Span<float> values = MemoryMarshal.Cast<byte, float>(destination);
        int width = (int)RowLength;
        for (int row = 0; row < rowCount; row++)
        {
            Span<float> target = values.Slice(row * width, width);
            int cell = (int)firstRow + row - 1;
            if (cell < 0)
                table.Value.AsSpan(0, width).CopyTo(target);
            else
                Blend(taps[cell % newSide], taps[cell / newSide], target);
        }
    }

    // Across first, then down.
    private void Blend(Tap x, Tap y, Span<float> target)
    {
        int width = target.Length;
        for (int channel = 0; channel < width; channel++)
        {
            float sum = 0;
            for (int down = 0; down < TapCount; down++)
            {
                float across = 0;
                for (int right = 0; right < TapCount; right++)
                    across += x.Weights[right] * table.Value[(1 + y.Cells[down] * oldSide + x.Cells[right]) * width + channel];
                sum += y.Weights[down] * across;
            }

            target[channel] = sum;
        }
    }

    private static Tap TapOf(int index, int inputs, float scale)
    {
        float at = scale * (index + 0.5f) - 0.5f;
        int first = (int)MathF.Floor(at);
        float t = at - first;
        return new Tap(
            [.. Enumerable.Range(-1, TapCount).Select(step => Math.Clamp(first + step, 0, inputs - 1))],
            [Outer(t + 1), Inner(t), Inner(1 - t), Outer(2 - t)]
        );
    }

    private static float Inner(float x) => ((A + 2) * x - (A + 3)) * x * x + 1;

    private static float Outer(float x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;

    private static float[] ReadAll(TensorValues values)
    {
        byte[] bytes = new byte[checked(values.RowCount * values.RowByteLength)];
        values.ReadRows(0, (int)values.RowCount, bytes);
        var numbers = new float[checked((int)(values.RowCount * values.RowLength))];
        Elements.Widen(values.Type, bytes, numbers);
        return numbers;
    }

    private readonly record struct Tap(ImmutableArray<int> Cells, ImmutableArray<float> Weights);
}
