namespace Tessera.Text;

/// <summary>A loaded language model: its weights and its vocabulary, with which languages are opened. Thread-safe once loaded.</summary>
internal interface ILanguageModel : IDisposable
{
    /// <summary>Its file, for messages.</summary>
    string Path { get; }

    /// <summary>Its tokens.</summary>
    Vocabulary Vocabulary { get; }

    /// <summary>Width of an input embedding, which a projector must match.</summary>
    int EmbeddingWidth { get; }

    /// <summary>Numbers that stand beside an input embedding, which its layers look at for that row alone; 0 for none.</summary>
    int BesideWidth => 0;

    /// <summary>Width of a row that is given as an embedding, with what stands beside it.</summary>
    int RowWidth => EmbeddingWidth + BesideWidth;

    /// <summary>Tokens of context that it was trained with; 0 where it does not say.</summary>
    int TrainedContextLength { get; }

    /// <summary>Whether no GPU computes any of it.</summary>
    bool IsOnProcessor { get; }

    /// <summary>Whether an encoder reads the prompt (T5).</summary>
    bool HasEncoder { get; }

    /// <summary>Whether a position has several axes (M-RoPE).</summary>
    bool HasSeveralAxes { get; }

    /// <summary>Whether rows may stand apart from their order, several at one position.</summary>
    bool PlacesRowsFreely { get; }

    /// <summary>By how much positions are stretched; 1 leaves it to the file.</summary>
    int PositionFactor { get; set; }

    /// <summary>What else than its file tells it apart: adapters and stretched positions.</summary>
    string Settings { get; }

    /// <summary>What its layers see of media beside the rows; null where they see rows only.</summary>
    MemoryRule? Memory { get; }

    /// <summary>Loads LoRA adapters into it, once and before a language is opened.</summary>
    /// <exception cref="ModelFileException">A file is no adapter, or not of this model.</exception>
    void Adapt(IReadOnlyList<ModelAdapter> adapters);

    /// <summary>Opens a language with a KV cache of its own.</summary>
    /// <param name="length">Positions that it holds, of all sequences together.</param>
    /// <param name="sequenceCount">Number of sequences.</param>
    /// <param name="threadCount">CPU threads; 0 for as many as pay.</param>
    /// <param name="cacheType">How the KV cache stores its values.</param>
    /// <exception cref="TesseraException">There is not enough memory, or the native libraries refuse it.</exception>
    ILanguage Open(int length, int sequenceCount, int threadCount, CacheType cacheType);

    /// <summary>Keeps its memory while a thread uses its vocabulary.</summary>
    /// <exception cref="ObjectDisposedException">It has been disposed.</exception>
    IDisposable Hold();
}
