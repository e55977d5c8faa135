using System.Threading.Channels;

namespace Tessera.Text.Scheduling;

/// <summary>
/// Owns the language: a thread that decodes all answers together, one token of each per step, with pieces of new prompts
/// between them (continuous batching; Yu et al., Orca, OSDI 2022). Thread-safe.
/// </summary>
internal sealed class AnswerScheduler : IDisposable
{
    private readonly ILanguage language;
    private readonly SchedulerLimits limits;
    private readonly SequenceCache cache;
    private readonly SequenceRoom room;
    private readonly SharedDecode decoding;
    private readonly PromptEncoding encoding;
    private readonly PromptCheck check;
    private readonly SchedulerQueues queues;
    private readonly ContextBatch batch;
    private readonly List<AnswerJob> running = [];
    private readonly Thread thread;

    /// <summary>Starts the thread.</summary>
    /// <param name="language">The language model, which belongs to the scheduler from now on.</param>
    /// <param name="limits">How much there may be of what.</param>
    /// <param name="lookup">Looks tokens up, where that is all that happens to them.</param>
    public AnswerScheduler(ILanguage language, SchedulerLimits limits, TokenLookup? lookup)
    {
        this.language = language;
        this.limits = limits;
        cache = new SequenceCache(limits.SequenceCount);
        room = new SequenceRoom(language, cache);
        batch = new ContextBatch(language.BatchSize, language.RowWidth, lookup);
        check = new PromptCheck(language, ContextLength, takesRowsBesideTokens: lookup is not null);
        queues = new SchedulerQueues(limits.WaitingLimit);
        encoding = new PromptEncoding(language, batch);
        decoding = new SharedDecode(language, room, batch, new BatchFiller(mixesSequences: language.CanCut));
        thread = new Thread(Run) { IsBackground = true, Name = "Tessera decode" };
        thread.Start();
    }

    /// <summary>Positions of one answer with its prompt.</summary>
    public int ContextLength =>
        Math.Min(limits.ContextLength, language.HasEncoder ? Math.Min(language.Length, language.BatchSize) : language.Length);

    /// <summary>Starts an answer; its pieces come from the reader, which fails as the answer does.</summary>
    /// <exception cref="EngineBusyException">Too many answers are waiting.</exception>
    /// <exception cref="PromptTooLongException">The prompt does not fit.</exception>
    /// <exception cref="TesseraException">A token is none of the vocabulary's.</exception>
    public ChannelReader<AnswerPiece> Start(AnswerRequest request, CancellationToken cancellationToken)
    {
        check.Require(request.Rows);
        if (!queues.HasRoom())
            throw Disposed();
        using IDisposable hold = language.Hold();
        var job = new AnswerJob(request, language, ContextLength, Wake, cancellationToken);
        try
        {
            if (queues.Add(job))
                return job.Pieces;
        }
        catch
        {
            job.Dispose();
            throw;
        }

        job.Dispose();
        throw Disposed();
    }

    /// <summary>Generates an answer in several beams, when no other is being generated.</summary>
    /// <exception cref="PromptTooLongException">The prompt does not fit, or an encoder cannot read it once for each beam.</exception>
    /// <exception cref="TesseraException">A token is none of the vocabulary's.</exception>
    public async Task<(string Text, AnswerEnd End)> SearchAsync(
        AnswerRequest request,
        BeamSettings settings,
        CancellationToken cancellationToken
    )
    {
        check.Require(request.Rows, settings.Count);
        // Beams that share nothing must fit too.
        int left = ContextLength - request.Rows.Count,
            room = (language.Length - request.Rows.Count) / settings.Count;
        settings = settings with { MaxTokens = Math.Clamp(settings.MaxTokens, 1, Math.Max(1, Math.Min(left, room))) };
        var search = new Task<(string, AnswerEnd)>(
            () => new BeamAnswer(language, cache, batch, request, settings, () => ThrowIfOver(cancellationToken)).Run(),
            cancellationToken,
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static self => ((AnswerScheduler)self!).Wake(),
            this
        );
        if (!queues.AddAlone(() => RunUnlessCancelled(search)))
            throw Disposed();
        return await search.ConfigureAwait(false);
    }

    /// <summary>Lets go of what an owner's conversation holds in the cache.</summary>
    public void Forget(object owner) => queues.AddErrand(() => cache.Disown(owner));

    /// <summary>Runs something on the scheduler's thread between two steps, where it may use the language.</summary>
    public Task<T> RunAsync<T>(Func<ILanguage, SequenceCache, T> errand)
    {
        var task = new Task<T>(() => errand(language, cache), TaskCreationOptions.RunContinuationsAsynchronously);
        return queues.AddErrand(() => task.RunSynchronously(TaskScheduler.Default)) ? task : throw Disposed();
    }

    /// <summary>Ends all answers and frees the language. Waits for the step that is running.</summary>
    public void Dispose()
    {
        if (!queues.Close(language.RequestStop))
            return;
        thread.Join();
        language.Dispose();
        queues.Dispose();
    }

    // By the name of what its user disposed: nobody outside knows of a scheduler.
    private static ObjectDisposedException Disposed() => new("MultimodalModel");

    private static void RunUnlessCancelled(Task task)
    {
        if (!task.IsCompleted)
            task.RunSynchronously(TaskScheduler.Default);
    }

    private void ThrowIfOver(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (queues.IsClosed)
            throw Disposed();
    }

    private void Wake() =>
        queues.Wake(() =>
        {
            // What a stopped step left in a recurrent model's state could not be taken back: there the step runs to its end.
            if (language.CanCut)
                language.RequestStop();
        });

    private void Run()
    {
        while (!queues.IsClosed)
        {
            if (running.Count == 0)
                queues.WaitForWork();
            try
            {
                Step();
            }
            catch (Exception failure)
            {
                // Nothing that is known of gets here: what is half done cannot be continued, the next answers can.
                foreach (AnswerJob job in running.ToArray())
                    Remove(job, () => job.Fail(failure), keepsCache: false);
            }
        }

        foreach (AnswerJob job in running.ToArray())
            Remove(job, () => job.Fail(Disposed()), keepsCache: true);
        RunErrands();
        while (queues.TakeAlone() is { } search)
            search();
        while (queues.TakeWaiting() is { } job)
        {
            job.Dispose();
            job.Fail(Disposed());
        }
    }

    private void Step()
    {
        language.ForgetStop();
        RunErrands();
        Admit();
        foreach (AnswerJob job in running.Where(static job => job.IsCancelled).ToArray())
            Remove(job, job.Cancel, keepsCache: true);
        if (running.Count == 0)
        {
            queues.TakeAlone()?.Invoke();
            return;
        }

        if (!encoding.Run(running.ToArray(), (job, failure) => Remove(job, () => job.Fail(failure), keepsCache: false)))
            return;
        if (!queues.IsClosed && running.Count > 0)
            decoding.Run(running.ToArray(), Choose, (job, failure) => Remove(job, () => job.Fail(failure), keepsCache: false));
    }

    // Those that are there: what they ask for in their turn comes before the next step, so that none keeps the answers waiting for ever.
    private void RunErrands()
    {
        for (int count = queues.ErrandCount; count > 0 && queues.TakeErrand() is { } errand; count--)
            errand();
    }

    // In the order of their coming, as long as there is certain room for whole answers; none while one waits to be alone.
    private void Admit()
    {
        while (!queues.IsAnyAlone && queues.FirstWaiting() is { } job)
        {
            if (job.IsCancelled)
            {
                queues.TakeWaiting();
                job.Dispose();
                job.Cancel();
                continue;
            }

            if (running.Sum(static other => other.Reserved) + job.Reserved > language.Length)
                return;
            if (language.HasEncoder && running.Sum(static other => other.Request.Rows.Count) + job.Request.Rows.Count > language.BatchSize)
                return;
            if (cache.Place(SharedKeys(job), job.Request.Owner, language.CanCut) is not { } place)
                return;
            queues.TakeWaiting();
            // Before anything can fail: who is not in the list is never told.
            running.Add(job);
            try
            {
                room.Take(job, place);
            }
            catch (Exception failure)
            {
                Remove(job, () => job.Fail(failure), keepsCache: false);
            }
        }
    }

    // What was decoded behind an encoder depends on the prompt that it read, which no key tells: nothing of it is shared.
    private ReadOnlySpan<ulong> SharedKeys(AnswerJob job) => language.HasEncoder ? job.Request.Rows.Keys[..1] : job.Request.Rows.Keys;

    private void Choose(AnswerJob job)
    {
        if (job.OutputRow < 0)
            return;
        try
        {
            if (job.Choose())
                Remove(job, job.Complete, keepsCache: true);
        }
        catch (Exception failure)
        {
            Remove(job, () => job.Fail(failure), keepsCache: false);
        }
    }

    private void Remove(AnswerJob job, Action end, bool keepsCache)
    {
        running.Remove(job);
        if (!keepsCache || language.HasEncoder)
            room.Cut(job.Sequence, 0);
        cache.Release(job.Sequence);
        // Last, so that whoever has seen the end finds nothing of the job left.
        job.Dispose();
        end();
    }
}
