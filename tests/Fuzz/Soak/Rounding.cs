using Tessera.Fuzz.Mutation;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Vision.Encoding;

namespace Tessera.Fuzz.Soak;

/// <summary>
/// How much logits change with nothing but what is decoded together, and where in the KV cache it lies: the same prompts and answers go
/// through libllama in batches of random pieces, beside one another, without the scheduler. Sums are then taken in another order, and
/// what is rounded on the way (activations to 8 bits, keys, values and flash attention's sums to 16) is rounded otherwise.
/// </summary>
internal static class Rounding
{
    private const int Repetitions = 16;
    private const int Together = 5;
    private const int LongestClutter = 120;
    private static readonly int[] LongestPieces = [1, 8, 64, 512];

    /// <summary>The largest difference to the lone answers, in standard deviations of the logits.</summary>
    /// <param name="model">A model that has not answered anything yet; it is left as it was.</param>
    /// <param name="scripts">Their first answers.</param>
    /// <param name="random">Chooses what goes together.</param>
    public static async Task<double> MeasureAsync(MultimodalModel model, IReadOnlyList<SoakScript> scripts, Random random)
    {
        double largest = 0;
        for (int repetition = 0; repetition < Repetitions; repetition++)
        {
            SoakScript[] chosen = [.. Enumerable.Range(0, Together).Select(_ => random.Pick(scripts))];
            PromptRows[] rows = await RowsAsync(model, chosen);
            int longest = random.Pick(LongestPieces);
            double difference = await model.Scheduler.RunAsync(
                (context, _) =>
                {
                    Reading[] readings = [.. chosen.Select((script, index) => new Reading(rows[index], script.Answers[0], index))];
                    Decode(context, readings, longest, random);
                    return readings.Max(static reading => reading.LargestDifference);
                }
            );
            largest = Math.Max(largest, difference);
        }

        return largest;
    }

    // Their pictures are encoded together.
    private static async Task<PromptRows[]> RowsAsync(MultimodalModel model, SoakScript[] scripts)
    {
        ComposedPrompt[] prompts =
        [
            .. scripts.Select(script => model.Composer.Compose(new Conversation(script.System, [ChatSession.TurnOf(script.Messages[0])]))),
        ];
        var images = new Queue<MediaEmbeddings>(
            await model.Answers.EncodeAsync([.. prompts.SelectMany(static prompt => prompt.Media)], null, CancellationToken.None)
        );
        return [.. prompts.Select(prompt => model.Composer.Join(prompt, [.. prompt.Media.Select(_ => images.Dequeue())]))];
    }

    private static void Decode(ILanguage context, Reading[] readings, int longest, Random random)
    {
        var batch = new ContextBatch(context.BatchSize, readings[0].Width, null);
        // What others leave makes holes, so that rows do not lie in the order of their positions.
        int[] clutter = [.. Enumerable.Range(readings.Length, Together)];
        foreach (int sequence in clutter)
            Occupy(context, batch, sequence, random.Next(1, LongestClutter));
        while (readings.Any(static reading => !reading.IsOver))
        {
            batch.Clear();
            random.Shuffle(readings);
            foreach (Reading reading in readings)
                reading.Fill(batch, random.Next(1, longest + 1));
            if (context.Decode(batch) != DecodeOutcome.Done)
                throw new InvalidOperationException("The rows cannot be decoded.");
            foreach (Reading reading in readings)
                reading.Read(context);
            if (random.OneIn(3))
                context.Cut(random.Pick(clutter), 0);
        }

        for (int sequence = 0; sequence < readings.Length + clutter.Length; sequence++)
            context.Cut(sequence, 0);
    }

    private static void Occupy(ILanguage context, ContextBatch batch, int sequence, int length)
    {
        batch.Clear();
        for (int position = 0; position < length; position++)
            batch.AddToken(0, sequence, position, wantsLogits: position == 0);
        context.Decode(batch);
    }

    // A prompt and its answer, in a sequence of its own.
    private sealed class Reading(PromptRows rows, SoakAnswer answer, int sequence)
    {
        private readonly AnswerComparison comparison = new(answer);
        private int position;
        private int outputRow = -1;

        public int Sequence => sequence;

        public int Width => rows.Width;

        public bool IsOver => comparison.Count == answer.Tokens.Count;

        public double LargestDifference => comparison.LargestDifference;

        public void Fill(ContextBatch batch, int most)
        {
            for (; most > 0 && outputRow < 0 && !IsOver; most--)
            {
                bool isPrompt = position < rows.Count;
                bool isToken = !isPrompt || PromptRows.IsToken(rows.Keys[position]);
                if (!batch.Takes(isToken))
                    return;
                bool isOutput = position >= rows.Count - 1;
                int row = isToken
                    ? batch.AddToken(
                        isPrompt ? PromptRows.TokenOf(rows.Keys[position]) : answer.Tokens[position - rows.Count],
                        sequence,
                        position,
                        isOutput
                    )
                    : batch.AddEmbedding(rows.Embedding(position), sequence, position, isOutput, rows.IsReadAsText(position));
                position++;
                if (isOutput)
                    outputRow = row;
            }
        }

        public void Read(ILanguage context)
        {
            if (outputRow >= 0)
                comparison.Watch(context.Logits(outputRow), answer.Tokens[comparison.Count]);
            outputRow = -1;
        }
    }
}
