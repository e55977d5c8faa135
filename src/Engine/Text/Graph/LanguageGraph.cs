using Tessera.Compute;

namespace Tessera.Text.Graph;

/// <summary>
/// One architecture: declares its weights, and builds the graph of a batch. Each is a page of its own, in the order in which its authors'
/// code reads; what two of them have in common is written twice.
/// </summary>
internal abstract class LanguageGraph
{
    /// <summary>Width of a row.</summary>
    public abstract int Width { get; }

    /// <summary>Numbers that stand beside a row, which layers look at for it alone.</summary>
    public virtual int BesideWidth => 0;

    /// <summary>Tokens that it gives logits of; the vocabulary may have more or fewer.</summary>
    public abstract int LogitCount { get; }

    /// <summary>Tokens of context that it was trained with; 0 where the file does not say.</summary>
    public abstract int TrainedLength { get; }

    /// <summary>Positions that it has; more than any context where they are computed.</summary>
    public virtual int MostPositions => int.MaxValue;

    /// <summary>Whether rows of pictures have weights of their own.</summary>
    public virtual bool HasVisionWeights => false;

    /// <summary>The layers that keep keys and values of rows.</summary>
    public abstract IReadOnlyList<CacheWidths> Layers { get; }

    /// <summary>Nodes of the largest graph for rows that see so many different things.</summary>
    public abstract int NodeCapacity(int viewCount);

    /// <summary>How it sees media beside the rows; null where it does not.</summary>
    public virtual MemoryRule? Memory => null;

    /// <summary>The layers that keep keys and values of a memory.</summary>
    public virtual IReadOnlyList<CacheWidths> MemoryLayers => [];

    /// <summary>The batch's rows -> logits [<see cref="LogitCount"/>, outputs].</summary>
    public abstract Tensor Build(LanguageStep step);

    /// <summary>A memory [width, rows] -> the keys and values of a layer that sees it.</summary>
    public virtual (Tensor Key, Tensor Value) BuildMemory(Compute.Graph graph, Tensor memory, int layer) =>
        throw new NotSupportedException();
}
