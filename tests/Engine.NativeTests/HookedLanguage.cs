using Tessera.Text;

namespace Tessera.Engine.NativeTests;

/// <summary>Decodes in the place of a language model.</summary>
internal delegate DecodeOutcome BatchDecode(ILanguage language, ContextBatch batch);

/// <summary>A language model whose decoding a test takes over, to let it fail.</summary>
internal sealed class HookedLanguage(ILanguage inner, BatchDecode decode) : ILanguage
{
    public string ModelPath => inner.ModelPath;

    public Vocabulary Vocabulary => inner.Vocabulary;

    public int RowWidth => inner.RowWidth;

    public int Length => inner.Length;

    public int BatchSize => inner.BatchSize;

    public bool CanCut => inner.CanCut;

    public bool HasEncoder => inner.HasEncoder;

    public int AnswerStart => inner.AnswerStart;

    public bool TakesMemory => inner.TakesMemory;

    public IDisposable Hold() => inner.Hold();

    public bool Cut(int sequence, int position) => inner.Cut(sequence, position);

    public void Share(int source, int target, int position) => inner.Share(source, target, position);

    public int EndOf(int sequence) => inner.EndOf(sequence);

    public int[]? PositionsOf(int sequence) => inner.PositionsOf(sequence);

    public DecodeOutcome Encode(ContextBatch batch) => inner.Encode(batch);

    public DecodeOutcome Decode(ContextBatch batch) => decode(inner, batch);

    public NativeLibraryException FailureOf(DecodeOutcome outcome, int rowCount) => inner.FailureOf(outcome, rowCount);

    public void RequestStop() => inner.RequestStop();

    public void ForgetStop() => inner.ForgetStop();

    public ReadOnlySpan<float> Logits(int row) => inner.Logits(row);

    public long StateLength(int sequence) => inner.StateLength(sequence);

    public byte[] Save(int sequence) => inner.Save(sequence);

    public long LongestState(int emptySequence, int length) => inner.LongestState(emptySequence, length);

    public bool Restore(int sequence, ReadOnlySpan<byte> state, int length) => inner.Restore(sequence, state, length);

    public void Dispose() => inner.Dispose();
}
