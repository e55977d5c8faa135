using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>Saves and restores what a context of libllama holds of a sequence.</summary>
/// <param name="language">The language model that the context is part of.</param>
/// <param name="model">The weights.</param>
/// <param name="context">The context.</param>
internal sealed unsafe class LlamaStates(LlamaLanguage language, LanguageModel model, LlamaContext context)
{
    private (bool IsKnown, StateShape? Shape) learnt;

    public long StateLength(int sequence) => context.OnItsDevice(() => (long)LibLlama.llama_state_seq_get_size(context.Pointer, sequence));

    public byte[] Save(int sequence) =>
        context.OnItsDevice(() =>
        {
            var state = new byte[LibLlama.llama_state_seq_get_size(context.Pointer, sequence)];
            fixed (byte* target = state)
                return state[..(int)LibLlama.llama_state_seq_get_data(context.Pointer, target, (nuint)state.Length, sequence)];
        });

    public long LongestState(int emptySequence, int length) =>
        length <= language.Length && !language.HasEncoder ? LearnStates(emptySequence)?.LongestFor(length) ?? 0 : 0;

    public bool Restore(int sequence, ReadOnlySpan<byte> state, int length)
    {
        // libllama makes room for whatever the state says before it looks whether it is there.
        // What was decoded behind an encoder is nothing without what it read.
        if (
            length > language.Length
            || language.HasEncoder
            || LearnStates(sequence) is not { } shape
            || !shape.Fits(state, length, model.Vocabulary.TokenCount)
        )
            return false;
        fixed (byte* source = state)
        {
            (nint first, nuint byteLength) = ((nint)source, (nuint)state.Length);
            return context.OnItsDevice(() => LibLlama.llama_state_seq_set_data(context.Pointer, (byte*)first, byteLength, sequence) != 0);
        }
    }

    // A sequence of one token shows what states of this context look like. It is used and emptied again.
    private StateShape? LearnStates(int emptySequence)
    {
        if (learnt.IsKnown)
            return learnt.Shape;
        var batch = new ContextBatch(1, model.EmbeddingWidth, null);
        batch.AddToken(model.Vocabulary.StartToken ?? 0, emptySequence, 0, wantsLogits: true);
        // Where there is no room, it may be asked again.
        if (language.Decode(batch) != DecodeOutcome.Done)
            return null;
        learnt = (true, StateShape.Learn(Save(emptySequence), model.Vocabulary.TokenCount));
        language.Cut(emptySequence, 0);
        return learnt.Shape;
    }
}
