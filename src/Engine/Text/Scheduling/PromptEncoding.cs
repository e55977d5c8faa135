namespace Tessera.Text.Scheduling;

/// <summary>
/// Puts prompts through a language model's encoder. What it made before is forgotten then, so the prompts of all answers that run go
/// through it again whenever one joins.
/// </summary>
/// <param name="language">The language model.</param>
/// <param name="batch">Takes the prompts.</param>
internal sealed class PromptEncoding(ILanguage language, ContextBatch batch)
{
    /// <summary>Encodes what is not encoded yet. False if it was stopped: it comes again then.</summary>
    /// <param name="jobs">The answers, whose prompts fit a batch together.</param>
    /// <param name="failed">Told of each answer whose prompt cannot be encoded, and why.</param>
    public bool Run(IReadOnlyList<AnswerJob> jobs, Action<AnswerJob, Exception> failed)
    {
        if (!language.HasEncoder || jobs.All(static job => job.IsEncoded))
            return true;
        batch.Clear();
        foreach (AnswerJob job in jobs)
            job.AddPrompt(batch);
        (DecodeOutcome outcome, Exception? thrown) = Encode();
        if (outcome == DecodeOutcome.Stopped)
            return false;
        Exception? reason = outcome == DecodeOutcome.Done ? null : thrown ?? language.FailureOf(outcome, batch.Count);
        foreach (AnswerJob job in jobs.Where(static job => !job.IsEncoded).ToArray())
        {
            job.IsEncoded = reason is null;
            if (reason is not null)
                failed(job, reason);
        }

        return true;
    }

    private (DecodeOutcome Outcome, Exception? Thrown) Encode()
    {
        try
        {
            return (language.Encode(batch), null);
        }
        catch (Exception failure)
        {
            return (DecodeOutcome.Failed, failure);
        }
    }
}
