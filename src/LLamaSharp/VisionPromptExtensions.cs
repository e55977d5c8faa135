using LLama;
using LLama.Batched;
using LLama.Native;

namespace Tessera.LLamaSharp;

/// <summary>Puts prompts with pictures into LLamaSharp's contexts and conversations.</summary>
public static class VisionPromptExtensions
{
    /// <summary>Decodes a prompt; the logits of its last row are those of <c>context.NativeHandle.GetLogitsIth(-1)</c>
    /// afterwards.</summary>
    /// <param name="context">The context.</param>
    /// <param name="prompt">The prompt, prepared for the context's model.</param>
    /// <param name="position">Where in the sequence it begins.</param>
    /// <param name="sequence">The sequence; 0 if none is given.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>The position behind the prompt.</returns>
    /// <exception cref="TesseraException">The context has no room, or libllama could not decode it.</exception>
    public static async Task<int> PrefillAsync(
        this LLamaContext context,
        VisionPrompt prompt,
        int position = 0,
        LLamaSeqId? sequence = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        if (position + prompt.RowCount > context.ContextSize)
            throw new PromptTooLongException(position + prompt.RowCount, (int)context.ContextSize);
        LLamaSeqId target = sequence ?? LLamaSeqId.Zero;
        foreach (VisionPromptPart part in prompt.Parts)
        {
            for (int start = 0; start < part.RowCount; start += (int)context.BatchSize)
            {
                int count = Math.Min((int)context.BatchSize, part.RowCount - start);
                bool isLast = part == prompt.Parts[^1] && start + count == part.RowCount;
                Require(await DecodeAsync(context, part, start, count, position, target, isLast, cancellationToken).ConfigureAwait(false));
                position += count;
            }
        }

        return position;
    }

    /// <summary>Gives a conversation of a <see cref="BatchedExecutor"/> a prompt; all but its last part is decoded when the task
    /// ends.</summary>
    /// <param name="conversation">The conversation; it must not wait for inference.</param>
    /// <param name="prompt">The prompt, prepared for the executor's model.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <exception cref="TesseraException">libllama could not decode it.</exception>
    public static async Task PromptAsync(this Conversation conversation, VisionPrompt prompt, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        ArgumentNullException.ThrowIfNull(prompt);
        foreach (VisionPromptPart part in prompt.Parts)
        {
            while (conversation.RequiresInference)
                Require(await conversation.Executor.Infer(cancellationToken).ConfigureAwait(false));
            switch (part)
            {
                case VisionPromptPart.Tokens run:
                    conversation.Prompt(run.Ids.Span);
                    break;
                case VisionPromptPart.Embeddings rows:
                    conversation.Prompt(rows.Values.Span);
                    break;
            }
        }
    }

    private static Task<DecodeResult> DecodeAsync(
        LLamaContext context,
        VisionPromptPart part,
        int start,
        int count,
        int position,
        LLamaSeqId sequence,
        bool isLast,
        CancellationToken cancellationToken
    )
    {
        switch (part)
        {
            case VisionPromptPart.Tokens run:
                var tokens = new LLamaBatch();
                for (int row = 0; row < count; row++)
                    tokens.Add(run.Ids.Span[start + row], position + row, sequence, isLast && row == count - 1);
                return context.DecodeAsync(tokens, cancellationToken);
            case VisionPromptPart.Embeddings rows:
                var embeddings = new LLamaBatchEmbeddings(rows.Width);
                for (int row = 0; row < count; row++)
                    embeddings.Add(
                        rows.Values.Span.Slice((start + row) * rows.Width, rows.Width),
                        position + row,
                        sequence,
                        isLast && row == count - 1
                    );
                return context.DecodeAsync(embeddings, cancellationToken);
            default:
                throw new ArgumentException("A part is a run of tokens or embeddings.", nameof(part));
        }
    }

    private static void Require(DecodeResult result)
    {
        if (result == DecodeResult.NoKvSlot)
            throw new TesseraException("The context has no room for the prompt: give it a longer one.");
        if (result != DecodeResult.Ok)
            throw new TesseraException($"libllama could not decode the prompt ({result}).");
    }
}
