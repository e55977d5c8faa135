namespace Tessera.Text.Scheduling;

/// <summary>
/// Decodes the next rows of several answers together. Where that fails, each is decoded alone, so that only those fail whose own rows
/// cannot be decoded; and one that fails for want of memory is tried with ever fewer rows.
/// </summary>
/// <param name="language">The language model.</param>
/// <param name="room">Its sequences.</param>
/// <param name="batch">Takes the rows.</param>
/// <param name="filler">Chooses them.</param>
internal sealed class SharedDecode(ILanguage language, SequenceRoom room, ContextBatch batch, BatchFiller filler)
{
    /// <summary>Decodes the next rows. False if it was stopped: what was not decoded then comes again.</summary>
    /// <param name="jobs">The answers in the order of their coming.</param>
    /// <param name="decoded">Told of each answer whose rows are decoded, while their logits can be read.</param>
    /// <param name="failed">Told of each answer whose rows cannot be decoded, and why.</param>
    public bool Run(IReadOnlyList<AnswerJob> jobs, Action<AnswerJob> decoded, Action<AnswerJob, Exception> failed)
    {
        filler.Fill(batch, jobs);
        AnswerJob[] taken = [.. jobs.Where(static job => job.PendingCount > 0)];
        (DecodeOutcome outcome, Exception? thrown) = Decode();
        if (outcome == DecodeOutcome.Done)
        {
            foreach (AnswerJob job in taken)
                job.CommitRows();
            Sample(taken);
            foreach (AnswerJob job in taken)
                decoded(job);
            return true;
        }

        Exception reason = thrown ?? language.FailureOf(outcome, batch.Count);
        int rowCount = batch.Count;
        foreach (AnswerJob job in taken)
            Withdraw(job);
        if (outcome == DecodeOutcome.Stopped)
            return false;
        if (taken.Length > 1)
            return taken.All(job => Run([job], decoded, failed));
        if (outcome == DecodeOutcome.NoMemory && rowCount > 1 && !taken[0].IsDecoding)
        {
            taken[0].MostRows = rowCount / 2;
            return Run(taken, decoded, failed);
        }

        failed(taken[0], reason);
        return true;
    }

    // Grammars ask about much of the vocabulary, which takes as long as a small model's step: those of several answers do so together.
    private void Sample(AnswerJob[] jobs)
    {
        AnswerJob[] slow = [.. jobs.Where(static job => job.IsSlowToChoose)];
        if (slow.Length < 2)
            return;
        // The first look at a batch's logits puts its rows in order.
        _ = language.Logits(slow[0].OutputRow);
        Parallel.ForEach(slow, static job => job.Sample());
    }

    private (DecodeOutcome Outcome, Exception? Thrown) Decode()
    {
        try
        {
            DecodeOutcome outcome;
            do outcome = language.Decode(batch);
            while (outcome == DecodeOutcome.NoRoom && room.GiveUpOldest());
            return (outcome, null);
        }
        catch (Exception failure)
        {
            return (DecodeOutcome.Failed, failure);
        }
    }

    // Some of the batch may be in the KV cache.
    private void Withdraw(AnswerJob job)
    {
        job.WithdrawRows();
        room.Cut(job.Sequence, job.Sequence.Length);
    }
}
