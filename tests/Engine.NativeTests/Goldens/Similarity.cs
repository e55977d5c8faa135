namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Cosine of each row of two arrays.</summary>
public static class Similarity
{
    public static (double Mean, double Worst) PerRow(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int width)
    {
        Assert.Equal(expected.Length, actual.Length);
        double sum = 0,
            worst = 1;
        int rows = expected.Length / width;
        for (int row = 0; row < rows; row++)
        {
            double cosine = Cosine(actual.Slice(row * width, width), expected.Slice(row * width, width));
            sum += cosine;
            worst = Math.Min(worst, cosine);
        }

        return (sum / rows, worst);
    }

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

        return lengthA == 0 && lengthB == 0 ? 1 : product / Math.Sqrt(lengthA * lengthB);
    }
}
