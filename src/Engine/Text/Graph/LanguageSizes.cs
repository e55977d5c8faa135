using System.Numerics;

namespace Tessera.Text.Graph;

/// <summary>Batches of 1 row, 2 to 7, 8 to 63, and more, for which threads are counted apart.</summary>
internal static class LanguageSizes
{
    public const int Count = 4,
        Largest = Count - 1;

    public static int Of(int rowCount) => Math.Min(BitOperations.Log2((uint)rowCount) / 3 + (rowCount > 1 ? 1 : 0), Largest);
}
