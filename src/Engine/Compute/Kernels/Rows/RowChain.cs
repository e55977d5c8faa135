namespace Tessera.Compute.Kernels.Rows;

/// <summary>Row operations, each on the result of the one before, computed some rows at a time so that these stay in the caches.</summary>
internal sealed class RowChain
{
    // Of the rows that one thread takes at a time.
    private const int StretchBytes = 1 << 18;
    private readonly List<RowOperation> operations = [];

    /// <summary>Adds an operation, unless it has to wait for all rows of those before.</summary>
    public bool TryAdd(RowOperation operation)
    {
        if (operations.Count > 0 && !operation.Follows(operations))
            return false;
        operations.Add(operation);
        return true;
    }

    /// <summary>Computes what was added, and forgets it.</summary>
    public void Compute(int threadCount)
    {
        if (operations.Count == 0)
            return;
        int rowCount = operations[0].RowCount,
            stretch = Math.Clamp(StretchBytes / (operations[0].Width * sizeof(float)), 1, Math.Max(1, rowCount / threadCount));
        WorkSharing.Share(
            threadCount,
            (rowCount + stretch - 1) / stretch,
            (_, unit) =>
            {
                foreach (RowOperation operation in operations)
                    operation.Compute(unit * stretch, Math.Min(stretch, rowCount - unit * stretch));
            }
        );
        Clear();
    }

    /// <summary>Forgets what was added.</summary>
    public void Clear() => operations.Clear();
}
