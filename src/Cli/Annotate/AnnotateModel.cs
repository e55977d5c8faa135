using Tessera.Cli.Output;

namespace Tessera.Cli.Annotate;

/// <summary>Loads the model that asks about many pictures, with room for several answers.</summary>
internal static class AnnotateModel
{
    // A picture and a question; families that make more of a picture have fewer answers at once.
    private const int UsualPromptLength = 1024;
    private const int LongestCache = 1 << 16;

    /// <exception cref="TesseraException">It cannot be loaded, or sees no pictures.</exception>
    public static async Task<MultimodalModel> LoadAsync(
        CliConsole console,
        ModelOptions files,
        GenerationOptions options,
        int answerCount,
        CancellationToken cancellationToken
    )
    {
        if (files.ProjectorPath is null)
            throw new TesseraException(
                $"{files.ModelPath}: there is no single vision projector beside it, so it sees no pictures: give one with --mmproj."
            );
        long length = answerCount * (UsualPromptLength + (long)options.MaxTokens);
        files = files with { ParallelAnswerCount = answerCount, CacheLength = (int)Math.Min(length, LongestCache) };
        MultimodalModel loaded = await ProgressDisplay.RunAsync(
            console,
            progress => MultimodalModel.LoadAsync(files, progress, cancellationToken)
        );
        console.NoteLoaded(loaded, files);
        return loaded;
    }
}
