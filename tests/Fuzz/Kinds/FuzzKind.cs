namespace Tessera.Fuzz.Kinds;

/// <summary>One kind of thing that Tessera reads from strangers: how hostile ones are made, and what reading one means.</summary>
internal abstract class FuzzKind : IDisposable
{
    /// <summary>Its name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>Whether models are first tried in a process of their own.</summary>
    public bool UsesTrial { get; set; }

    /// <summary>Makes an input; the same random numbers make the same input.</summary>
    public abstract byte[] Make(Random random);

    /// <summary>Reads an input as the program would, natives included.</summary>
    /// <returns>Whether it was of use. What is refused throws a <see cref="TesseraException"/>; any other exception is a finding.</returns>
    public abstract Task<bool> TryAsync(byte[] input);

    public void Dispose() => Free();

    /// <summary>Frees what reading needs.</summary>
    protected virtual void Free() { }
}
