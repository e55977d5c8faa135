using System.Diagnostics;

namespace Tessera.Text.Scheduling;

/// <summary>
/// An answer that is searched for in several beams: one sequence of the KV cache for each, whose beginnings are shared and never copied.
/// It has the language to itself while it runs.
/// </summary>
/// <param name="language">The language model.</param>
/// <param name="cache">Its sequences, none of which is busy.</param>
/// <param name="batch">Takes the rows.</param>
/// <param name="request">What to answer.</param>
/// <param name="settings">How to search.</param>
/// <param name="throwIfOver">Fails where nobody wants the answer any more; asked after every step.</param>
internal sealed class BeamAnswer(
    ILanguage language,
    SequenceCache cache,
    ContextBatch batch,
    AnswerRequest request,
    BeamSettings settings,
    Action throwIfOver
)
{
    private readonly SequenceRoom room = new(language, cache);
    private readonly PromptRows rows = AnswerJob.DecodedRows(request, language);
    private readonly List<CachedSequence> lanes = [];
    private readonly int[] outputs = new int[settings.Count];

    /// <summary>Searches to the end.</summary>
    /// <exception cref="TesseraException">There are fewer sequences than beams, or a row cannot be decoded.</exception>
    public (string Text, AnswerEnd End) Run()
    {
        long startedAt = Stopwatch.GetTimestamp();
        try
        {
            int reused = Prepare();
            var search = new BeamSearch(settings, PromptTokens(), language.Vocabulary.IsEnd, EndCount());
            IReadOnlyList<BeamStep> steps = search.Advance(beam => Checked(language.Logits(outputs[beam])));
            long firstTokenAt = Stopwatch.GetTimestamp();
            while (!search.IsOver)
            {
                Rearrange(steps);
                DecodeStep(steps);
                steps = search.Advance(beam => Checked(language.Logits(outputs[beam])));
            }

            bool isCut = !language.Vocabulary.IsEnd(search.Best[^1]);
            var end = new AnswerEnd(search.Best, isCut, reused, startedAt, firstTokenAt, Stopwatch.GetTimestamp());
            return (TextOf(search.Best), end);
        }
        finally
        {
            // The first keeps what it holds for the next turn.
            for (int lane = 0; lane < lanes.Count; lane++)
            {
                if (lane > 0 || language.HasEncoder)
                    room.Cut(lanes[lane], 0);
                cache.Release(lanes[lane]);
            }
        }
    }

    // Rows of the prompt that were there already.
    private int Prepare()
    {
        ReadOnlySpan<ulong> keys = language.HasEncoder ? request.Rows.Keys[..1] : request.Rows.Keys;
        if (cache.Place(keys, request.Owner, language.CanCut) is not { } place)
            throw TooFew();
        lanes.Add(place.Target);
        room.Place(place);
        int reused = place.Target.Length;
        while (lanes.Count < settings.Count)
        {
            CachedSequence lane = cache.TakeIdle() ?? throw TooFew();
            lanes.Add(lane);
            room.Cut(lane, 0);
        }

        if (language.HasEncoder)
            EncodePrompt();
        while (lanes[0].Length < rows.Count)
            DecodePrompt();
        return reused;
    }

    private void EncodePrompt()
    {
        batch.Clear();
        foreach (CachedSequence lane in lanes)
            AnswerJob.AddPrompt(request.Rows, batch, lane);
        Repeat(language.Encode);
    }

    private void DecodePrompt()
    {
        int first = lanes[0].Length,
            next = first;
        batch.Clear();
        for (; next < rows.Count && batch.Takes(rows.IsTokenAt(next)); next++)
        {
            if (rows.ViewAt(next) is { } view)
                batch.See(view);
            bool isLast = next == rows.Count - 1;
            outputs[0] = rows.IsTokenAt(next)
                ? batch.AddToken(rows.TokenAt(next), lanes[0].Id, rows.PositionOf(next), isLast)
                : batch.AddEmbedding(rows.Embedding(next), lanes[0].Id, rows.PositionOf(next), isLast, rows.IsReadAsText(next));
        }

        Repeat(language.Decode);
        for (int row = first; row < next; row++)
            lanes[0].Append(rows.Keys[row], rows.PositionOf(row));
    }

    private void DecodeStep(IReadOnlyList<BeamStep> steps)
    {
        int position = rows.PositionOf(lanes[0].Length);
        batch.Clear();
        for (int beam = 0; beam < steps.Count; beam++)
        {
            if (rows.ViewAt(lanes[beam].Length) is { } view)
                batch.See(view);
            outputs[beam] = batch.AddToken(steps[beam].Token, lanes[beam].Id, position, wantsLogits: true);
        }

        Repeat(language.Decode);
        for (int beam = 0; beam < steps.Count; beam++)
            lanes[beam].Append(rows.KeyOf(steps[beam].Token), position);
    }

    // A beam's first continuation stays in its sequence; further ones share it in a sequence that no beam goes on in.
    private void Rearrange(IReadOnlyList<BeamStep> steps)
    {
        CachedSequence[] before = [.. lanes];
        var free = new Queue<CachedSequence>(before.Where((_, lane) => steps.All(step => step.Source != lane)));
        var taken = new bool[before.Length];
        lanes.Clear();
        foreach (BeamStep step in steps)
        {
            CachedSequence source = before[step.Source];
            if (taken[step.Source])
            {
                CachedSequence target = free.Dequeue();
                room.Cut(target, 0);
                room.Place(new SequencePlacement(target, source, source.Length));
                lanes.Add(target);
            }
            else
                lanes.Add(source);
            taken[step.Source] = true;
        }

        lanes.AddRange(free);
    }

    // Until it is done: a stop that was meant for another answer is no end of this one.
    private void Repeat(Func<ContextBatch, DecodeOutcome> pass)
    {
        while (true)
        {
            DecodeOutcome outcome;
            do outcome = pass(batch);
            while (outcome == DecodeOutcome.NoRoom && room.GiveUpOldest());
            throwIfOver();
            if (outcome == DecodeOutcome.Done)
                return;
            foreach (CachedSequence lane in lanes)
                room.Cut(lane, lane.Length);
            if (outcome != DecodeOutcome.Stopped)
                throw language.FailureOf(outcome, batch.Count);
            language.ForgetStop();
        }
    }

    private ReadOnlySpan<float> Checked(ReadOnlySpan<float> logits) =>
        Sampling.Sampler.HasNaN(logits) ? throw Sampling.Sampler.NotNumbers(language.ModelPath) : logits;

    // What the reference's class has seen as tokens: of a prompt of embeddings nothing, behind an encoder the start.
    private int[] PromptTokens() => language.HasEncoder ? [language.AnswerStart] : [];

    private int EndCount() => Enumerable.Range(0, language.Vocabulary.TokenCount).Count(language.Vocabulary.IsEnd);

    private string TextOf(IReadOnlyList<int> tokens)
    {
        var text = new AnswerText(request.StopStrings, language.Vocabulary.TidiesSpaces);
        var whole = new System.Text.StringBuilder();
        foreach (int token in tokens.Where(token => !language.Vocabulary.IsEnd(token) && !text.IsStopped))
            whole.Append(text.Append(language.Vocabulary.Piece(token, request.Sampling.ShownTokens.Contains(token))));
        return whole.Append(text.Finish()).ToString();
    }

    private TesseraException TooFew() =>
        new($"{language.ModelPath}: {settings.Count} beams need as many sequences, but {cache.All.Count()} answers at once are allowed.");
}
