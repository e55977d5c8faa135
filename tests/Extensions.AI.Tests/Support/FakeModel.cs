using System.Runtime.CompilerServices;

namespace Tessera.Extensions.AI.Tests.Support;

/// <summary>Answers with scripted texts, a few characters at a time, and keeps what it was asked.</summary>
internal sealed class FakeModel(string template, params string[] answers)
{
    private int next;

    public List<Transcript> Asked { get; } = [];

    public List<GenerationOptions> Options { get; } = [];

    public int ChunkLength { get; init; } = 3;

    public FinishReason FinishReason { get; init; }

    /// <summary>Thrown after the first piece.</summary>
    public Exception? Failure { get; init; }

    public TesseraChatClient Client(bool allowFileUris = false) =>
        new(ChatBackend.Of(TemplateSources.Parse(template), AnswerAsync), "fake", allowFileUris: allowFileUris);

    private async IAsyncEnumerable<GenerationUpdate> AnswerAsync(
        Transcript transcript,
        GenerationOptions options,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        Asked.Add(transcript);
        Options.Add(options);
        string answer = answers[next++];
        for (int start = 0; start < answer.Length; start += ChunkLength)
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            yield return new GenerationUpdate(answer.Substring(start, Math.Min(ChunkLength, answer.Length - start))) { TokenCount = 1 };
            if (Failure is not null)
                throw Failure;
        }

        yield return new GenerationUpdate(
            "",
            new GenerationResult(answer, FinishReason, 50, 0, [1, 2, 3], new GenerationTimings(0, 0, 5, 20, 40)) { ReusedTokenCount = 10 }
        );
    }
}
