namespace Tessera.Text.Scheduling;

/// <summary>Fills each step's batch: a token of every answer that streams, and pieces of new prompts in the room that is left.</summary>
/// <param name="mixesSequences">
/// Whether several answers may share a batch. Those of recurrent models take turns: libllama mixes the states of sequences that it decodes
/// together (ggml-org/llama.cpp v0.5.0, qwen35: even llama-perplexity's figures change with the number of sequences).
/// </param>
internal sealed class BatchFiller(bool mixesSequences)
{
    // Rows of new prompts in one step while answers stream: each step then stays short.
    private const int PrefillShare = 128;
    private AnswerJob? passedOver;
    private long turn;

    /// <summary>Fills a batch anew.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="running">The answers in the order of their coming.</param>
    public void Fill(ContextBatch batch, IReadOnlyList<AnswerJob> running)
    {
        batch.Clear();
        if (!mixesSequences)
        {
            AnswerJob next = running[(int)(turn++ % running.Count)];
            AddRows(batch, next, running.Count == 1 ? batch.Room : PrefillShare);
            return;
        }

        // Where tokens and embeddings cannot share a batch, a picture behind others' tokens gets every second step.
        if (passedOver is not null && running.Contains(passedOver))
            AddRows(batch, passedOver, PrefillShare);
        passedOver = null;
        foreach (AnswerJob job in running.Where(static job => job.IsDecoding))
            if (batch.Takes(isToken: true))
                job.AddRow(batch);
        int room = batch.Count == 0 ? batch.Room : Math.Min(batch.Room, PrefillShare);
        foreach (AnswerJob job in running.Where(static job => !job.IsDecoding))
        {
            int added = AddRows(batch, job, room);
            room -= added;
            if (added == 0 && room > 0 && job.HasMoreRows)
                passedOver ??= job;
        }
    }

    private static int AddRows(ContextBatch batch, AnswerJob job, int most)
    {
        int before = batch.Count;
        most = Math.Min(most, job.MostRows);
        while (batch.Count - before < most && job.HasMoreRows && batch.Takes(job.IsNextToken))
            job.AddRow(batch);
        return batch.Count - before;
    }
}
