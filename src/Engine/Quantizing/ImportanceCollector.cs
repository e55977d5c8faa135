using Tessera.Compute;
using Tessera.Quantizing;
using Tessera.Text.Llama;
using Tessera.Text.Trial;

namespace Tessera;

/// <summary>
/// Makes importance matrices: files that say how much each column of a language model's matrices matters, found by running a text through
/// it, so that <see cref="Quantizer"/> rounds what matters less more boldly. Written as llama.cpp's imatrix program does.
/// </summary>
public static class ImportanceCollector
{
    private const int ChunkLength = 512,
        ShortestChunk = 32;
    private const long LongestText = 64L << 20;

    /// <summary>Runs a text through a model and writes what came of it; the file appears when it is whole.</summary>
    /// <param name="modelPath">The language model, best in F16 or Q8_0.</param>
    /// <param name="textPath">A text in UTF-8 that is like what the model will read: some hundred kilobytes.</param>
    /// <param name="outputPath">The file to write.</param>
    /// <param name="trial">How the model is first tried in a process of its own; null leaves it untried.</param>
    /// <param name="progress">Told the fraction of the text that is done.</param>
    /// <param name="cancellationToken">Stops it within one matrix product.</param>
    /// <returns>Tokens that were computed.</returns>
    /// <exception cref="ModelFileException">The model cannot be used, or the file not written.</exception>
    /// <exception cref="TesseraException">The text cannot be read, or is too short.</exception>
    public static Task<int> CollectAsync(
        string modelPath,
        string textPath,
        string outputPath,
        ModelTrial? trial = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(modelPath);
        ArgumentNullException.ThrowIfNull(textPath);
        ArgumentNullException.ThrowIfNull(outputPath);
        return Task.Run(() => Collect(modelPath, textPath, outputPath, trial, progress, cancellationToken), cancellationToken);
    }

    private static int Collect(
        string modelPath,
        string textPath,
        string outputPath,
        ModelTrial? trial,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        string text = Read(textPath);
        using (var file = LanguageModelFile.Open(modelPath))
        {
            if (trial is not null)
                TrialProcess.Check(trial, file.Parts, withRows: false, cancellationToken);
        }

        ComputeDevice.RegisterKernels();
        using LanguageModel model = LanguageModel.Load(modelPath, gpuLayerCount: 0, null, cancellationToken, isRepacked: false);
        // The start token is the text's first, and later takes the place of each piece's first.
        int[] tokens = [.. model.Vocabulary.StartToken is { } start ? [start] : Array.Empty<int>(), .. model.Vocabulary.Tokenize(text)];
        if (tokens.Length < ShortestChunk)
            throw new TesseraException(
                $"{textPath} has {tokens.Length} tokens, but at least {ShortestChunk} are needed; some hundred thousand are good."
            );
        int length = Math.Min(ChunkLength, tokens.Length),
            count = tokens.Length / length;
        var run = new ImportanceRun(model, length, cancellationToken);
        run.Decode(tokens, done => progress?.Report((double)done / count));
        run.Sums.ToFile(Path.GetFileName(textPath), count, length).Save(outputPath);
        return count * length;
    }

    private static string Read(string path)
    {
        try
        {
            return new FileInfo(path).Length <= LongestText
                ? File.ReadAllText(path)
                : throw new TesseraException($"{path} is longer than {LongestText} bytes.");
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TesseraException($"{path}: there is no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path} cannot be read: {failure.Message.TrimEnd('.')}.", failure);
        }
    }
}
