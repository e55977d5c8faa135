namespace Tessera.Compute;

/// <summary>Bytes of a file.</summary>
/// <param name="Offset">From its beginning.</param>
/// <param name="Length">How many.</param>
internal readonly record struct FileRange(long Offset, long Length);
