using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Tessera.Text.Sampling;

namespace Tessera.Text.Scheduling;

/// <summary>One answer on its way through the scheduler. Everything but <see cref="IsCancelled"/> belongs to the scheduler's
/// thread.</summary>
/// <param name="request">What to answer.</param>
/// <param name="language">The language model.</param>
/// <param name="contextLength">Positions that the prompt and the answer may take together.</param>
/// <param name="wake">Called when the job is cancelled, on the thread that cancels it.</param>
/// <param name="cancellationToken">Cancels the job.</param>
internal sealed class AnswerJob(
    AnswerRequest request,
    ILanguage language,
    int contextLength,
    Action wake,
    CancellationToken cancellationToken
) : IDisposable
{
    // First, because it may fail.
    private readonly Sampler sampler = CreateSampler(request, language);
    private readonly PromptRows rows = DecodedRows(request, language);
    private readonly CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static wake => ((Action)wake!)(), wake);
    private readonly Channel<AnswerPiece> pieces = Channel.CreateUnbounded<AnswerPiece>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true }
    );
    private readonly List<int> tokens = [];
    private readonly AnswerText text = new(request.StopStrings, language.Vocabulary.TidiesSpaces);
    private CachedSequence? sequence;
    private long admittedAt,
        firstTokenAt;
    private bool isCut;
    private int? sampled;
    private ExceptionDispatchInfo? sampleFailure;

    public AnswerRequest Request => request;

    public ChannelReader<AnswerPiece> Pieces => pieces.Reader;

    public bool IsCancelled => cancellationToken.IsCancellationRequested;

    public CachedSequence Sequence => sequence ?? throw new InvalidOperationException("The job has no sequence yet.");

    public bool IsDecoding => tokens.Count > 0;

    /// <summary>Positions that it may come to need.</summary>
    public int Reserved => Math.Min(rows.Count + request.MaxTokens, contextLength);

    /// <summary>Row of the last batch whose logits choose the next token, or -1.</summary>
    public int OutputRow { get; set; } = -1;

    /// <summary>Rows of it at most that a batch takes: fewer where memory did not suffice for more.</summary>
    public int MostRows { get; set; } = int.MaxValue;

    /// <summary>Rows that are decoded, of the prompt and the answer.</summary>
    public int RowCount => Sequence.Length;

    /// <summary>Positions of the prompt that needed no prefill.</summary>
    public int ReusedCount { get; set; }

    /// <summary>Whether the encoder's output that is there now holds its prompt.</summary>
    public bool IsEncoded { get; set; }

    /// <summary>Puts its whole prompt into a batch for the encoder.</summary>
    public void AddPrompt(ContextBatch batch) => AddPrompt(request.Rows, batch, Sequence);

    /// <summary>Puts a whole prompt into a batch for the encoder, to be seen by a sequence.</summary>
    public static void AddPrompt(PromptRows prompt, ContextBatch batch, CachedSequence sequence)
    {
        for (int row = 0; row < prompt.Count; row++)
        {
            if (prompt.IsTokenAt(row))
                batch.AddToken(prompt.TokenAt(row), sequence.Id, prompt.PositionOf(row), wantsLogits: true);
            else
                batch.AddEmbedding(prompt.Embedding(row), sequence.Id, prompt.PositionOf(row), wantsLogits: true, prompt.IsReadAsText(row));
        }
    }

    public void Admit(CachedSequence target)
    {
        sequence = target;
        admittedAt = Stopwatch.GetTimestamp();
    }

    public bool IsNextToken => IsDecoding || rows.IsTokenAt(RowCount + PendingCount);

    /// <summary>Rows that are in the batch but not decoded yet.</summary>
    public int PendingCount { get; private set; }

    public bool HasMoreRows => IsDecoding ? PendingCount == 0 : RowCount + PendingCount < rows.Count;

    /// <summary>Puts the next row into a batch.</summary>
    public void AddRow(ContextBatch batch)
    {
        int next = RowCount + PendingCount++,
            position = rows.PositionOf(next);
        bool isLast = IsDecoding || next == rows.Count - 1;
        if (rows.ViewAt(next) is { } view)
            batch.See(view);
        int row =
            IsDecoding ? batch.AddToken(tokens[^1], Sequence.Id, position, true)
            : rows.IsTokenAt(next) ? batch.AddToken(rows.TokenAt(next), Sequence.Id, position, isLast)
            : batch.AddEmbedding(rows.Embedding(next), Sequence.Id, position, isLast, rows.IsReadAsText(next));
        if (isLast)
            OutputRow = row;
    }

    /// <summary>The batch has been decoded: its rows are in the KV cache.</summary>
    public void CommitRows()
    {
        for (; PendingCount > 0; PendingCount--)
            Sequence.Append(IsDecoding ? rows.KeyOf(tokens[^1]) : rows.Keys[RowCount], rows.PositionOf(RowCount));
        if (!IsDecoding)
            pieces.Writer.TryWrite(new AnswerPiece("", (double)RowCount / rows.Count, 0));
    }

    /// <summary>The batch has not been decoded.</summary>
    public void WithdrawRows() => (PendingCount, OutputRow) = (0, -1);

    /// <summary>Whether choosing its next token takes as long as it is worth another thread.</summary>
    public bool IsSlowToChoose => OutputRow >= 0 && request.Sampling.Grammar is not null;

    /// <summary>Finds the next token before <see cref="Choose"/> takes it; of several jobs on several threads at once.</summary>
    public void Sample()
    {
        try
        {
            sampled = sampler.Sample(language.Logits(OutputRow));
        }
        catch (Exception failure)
        {
            sampleFailure = ExceptionDispatchInfo.Capture(failure);
        }
    }

    /// <summary>Chooses the next token. True if the answer is over.</summary>
    public bool Choose()
    {
        sampleFailure?.Throw();
        int token = sampled ?? sampler.Sample(language.Logits(OutputRow));
        (OutputRow, sampled) = (-1, null);
        if (tokens.Count == 0)
            firstTokenAt = Stopwatch.GetTimestamp();
        tokens.Add(token);
        if (language.Vocabulary.IsEnd(token))
            return true;
        Emit(text.Append(language.Vocabulary.Piece(token, request.Sampling.ShownTokens.Contains(token))));
        if (text.IsStopped)
            return true;
        return isCut = tokens.Count >= request.MaxTokens || RowCount >= contextLength;
    }

    /// <summary>Ends the answer as it is.</summary>
    public void Complete()
    {
        Emit(text.Finish());
        pieces.Writer.TryWrite(
            new AnswerPiece(
                "",
                1,
                tokens.Count,
                new AnswerEnd(tokens, isCut, ReusedCount, admittedAt, firstTokenAt, Stopwatch.GetTimestamp())
            )
        );
        pieces.Writer.TryComplete();
    }

    public void Fail(Exception failure) => pieces.Writer.TryComplete(failure);

    public void Cancel() => Fail(new OperationCanceledException(cancellationToken));

    public void Dispose()
    {
        registration.Dispose();
        sampler.Dispose();
    }

    /// <summary>What is decoded before an answer: its prompt, or behind an encoder the answer's start alone.</summary>
    public static PromptRows DecodedRows(AnswerRequest request, ILanguage language)
    {
        if (!language.HasEncoder)
            return request.Rows;
        var start = new PromptRows(language.RowWidth);
        start.AddTokens([language.AnswerStart]);
        return start;
    }

    private static Sampler CreateSampler(AnswerRequest request, ILanguage language)
    {
        var sampler = new Sampler(request.Sampling, language.Vocabulary, language.ModelPath);
        PromptRows decoded = DecodedRows(request, language);
        for (int row = 0; row < decoded.Count; row++)
            if (decoded.IsTokenAt(row))
                sampler.Accept(decoded.TokenAt(row));
        return sampler;
    }

    private void Emit(string piece)
    {
        if (piece.Length > 0)
            pieces.Writer.TryWrite(new AnswerPiece(piece, 1, tokens.Count));
    }
}
