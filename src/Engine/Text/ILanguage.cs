namespace Tessera.Text;

/// <summary>How a decode ended.</summary>
internal enum DecodeOutcome
{
    Done,

    /// <summary>The KV cache has no room for the batch; nothing changed.</summary>
    NoRoom,

    /// <summary>Stopped by <see cref="ILanguage.RequestStop"/>; some of the batch may be in the KV cache.</summary>
    Stopped,

    /// <summary>There is not enough memory for so many rows at once; some of the batch may be in the KV cache.</summary>
    NoMemory,

    /// <summary>Some row cannot be decoded; some of the batch may be in the KV cache.</summary>
    Failed,
}

/// <summary>
/// What the scheduler needs of a language model: a KV cache for several sequences, and decoding. For one thread at a time, but for
/// <see cref="RequestStop"/>. Positions are those that the batch gives its rows.
/// </summary>
internal interface ILanguage : IDisposable
{
    /// <summary>The model's file, for messages.</summary>
    string ModelPath { get; }

    /// <summary>Its tokens.</summary>
    Vocabulary Vocabulary { get; }

    /// <summary>Width of a row that is given as an embedding, with what stands beside it.</summary>
    int RowWidth { get; }

    /// <summary>Rows that the KV cache holds, of all sequences together; what sequences share counts once.</summary>
    int Length { get; }

    /// <summary>The most rows of one decode.</summary>
    int BatchSize { get; }

    /// <summary>Whether a sequence can be cut or shared in the middle.</summary>
    bool CanCut { get; }

    /// <summary>Whether an encoder reads the whole prompt, and what is decoded is the answer alone (T5).</summary>
    bool HasEncoder { get; }

    /// <summary>The token that every answer begins with behind an encoder; it is not part of the answer.</summary>
    int AnswerStart { get; }

    /// <summary>Whether its layers see a memory (cross-attention) beside the rows.</summary>
    bool TakesMemory { get; }

    /// <summary>Keeps the vocabulary's memory while a thread uses it.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    IDisposable Hold();

    /// <summary>Forgets what a sequence holds from a position on. False if it can only be forgotten as a whole.</summary>
    bool Cut(int sequence, int position);

    /// <summary>Makes the positions of one sequence before one that of another, which must be empty; no memory is taken.</summary>
    void Share(int source, int target, int position);

    /// <summary>The position behind a sequence's last.</summary>
    int EndOf(int sequence);

    /// <summary>The positions of a sequence's rows, where <see cref="Save"/> keeps them; null where what is restored stands one after
    /// another.</summary>
    int[]? PositionsOf(int sequence);

    /// <summary>Puts the whole prompts of sequences through the encoder, all that are being answered at once: what is decoded then sees
    /// its own sequence's prompt, and prompts that were encoded before are forgotten.</summary>
    DecodeOutcome Encode(ContextBatch batch);

    /// <summary>Decodes a batch; the logits of its outputs can be read afterwards.</summary>
    /// <exception cref="NativeLibraryException">The GPU was lost.</exception>
    DecodeOutcome Decode(ContextBatch batch);

    /// <summary>Why the last decode failed.</summary>
    NativeLibraryException FailureOf(DecodeOutcome outcome, int rowCount);

    /// <summary>Stops the decode that is running, within one node of its graph. From any thread.</summary>
    void RequestStop();

    /// <summary>Withdraws <see cref="RequestStop"/>.</summary>
    void ForgetStop();

    /// <summary>Logits of a row of the last batch that was an output: [vocabulary].</summary>
    ReadOnlySpan<float> Logits(int row);

    /// <summary>Bytes of a sequence's KV state.</summary>
    long StateLength(int sequence);

    /// <summary>The KV state of a sequence, to be given to <see cref="Restore"/>.</summary>
    byte[] Save(int sequence);

    /// <summary>The most bytes that the KV state of so many rows has; 0 where states are of a form that is not known.</summary>
    /// <param name="emptySequence">A sequence that holds nothing.</param>
    /// <param name="length">The rows.</param>
    long LongestState(int emptySequence, int length);

    /// <summary>Puts the KV state of so many rows into an empty sequence. False if it does not fit this model or the room.</summary>
    bool Restore(int sequence, ReadOnlySpan<byte> state, int length);
}
