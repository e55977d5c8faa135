using System.Text;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints;

/// <summary>
/// Converts a checkpoint, as its authors released it, to the GGUF files that the engine and llama.cpp read: the language model's and, where
/// the checkpoint can see, the projector's. Opening reads the configuration, the tokenizer and the tables of tensors, and says what would
/// be written; converting streams the weights, whatever their size, with some tens of megabytes of memory beyond the largest tensor.
/// </summary>
public sealed class CheckpointConverter : IDisposable
{
    private readonly CheckpointWeights weights;
    private readonly IReadOnlyList<VisionTowerFolder> towers;
    private readonly ConversionOptions options;
    private readonly CheckpointParts parts;
    private readonly List<ModelFile> files;

    private CheckpointConverter(
        CheckpointParts parts,
        CheckpointWeights weights,
        IReadOnlyList<VisionTowerFolder> towers,
        ConversionOptions options
    )
    {
        (this.parts, this.weights, this.towers, this.options) = (parts, weights, towers, options);
        var plan = ConversionPlan.Make(parts, weights, towers, options);
        (Family, Architecture) = (plan.Family, plan.Architecture);
        files = [plan.Language, .. plan.Projector is ModelFile projector ? [projector] : Array.Empty<ModelFile>()];
        Model = Describe(plan.Language);
        Projector = plan.Projector is null ? null : Describe(plan.Projector);
    }

    /// <summary>What the checkpoint is: a family of the engine's, or the language model's architecture.</summary>
    public string Family { get; }

    /// <summary>The language model's architecture, as llama.cpp calls it.</summary>
    public string Architecture { get; }

    /// <summary>The language model's file.</summary>
    public ConvertedFile Model { get; }

    /// <summary>The projector's file; null where the checkpoint has no vision.</summary>
    public ConvertedFile? Projector { get; }

    /// <summary>Opens a checkpoint's folder and finds out what would be written.</summary>
    /// <exception cref="CheckpointException">The folder is no checkpoint, is damaged or incomplete, or of a kind that is not
    /// known.</exception>
    public static CheckpointConverter Open(string path, ConversionOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ConversionOptions();
        var folder = new CheckpointFolder(path);
        if (!folder.Has("config.json") && !IsInPieces(folder))
            throw new CheckpointException(folder.FullPath, "config.json is missing, so this is no checkpoint's folder.");
        var towers = new List<VisionTowerFolder>();
        CheckpointWeights? weights = null;
        try
        {
            string[] given = [.. options.VisionTowerFolder is string one ? [one] : Array.Empty<string>(), .. options.VisionTowerFolders];
            var parts = new CheckpointParts(folder, options.LanguageModelFolder);
            IEnumerable<string> paths =
                given.Length > 0 ? given.SelectMany(VisionTowerSearch.Expand) : VisionTowerSearch.Find(folder, parts.ReadConfig());
            foreach (string towerPath in paths)
                towers.Add(new VisionTowerFolder(towerPath));
            weights = parts.OpenWeights();
            return new CheckpointConverter(parts, weights, towers, options);
        }
        catch (Exception failure)
        {
            weights?.Dispose();
            towers.ForEach(static tower => tower.Dispose());
            if (failure is OverflowException)
                throw new CheckpointException(folder.FullPath, "its configuration makes a tensor larger than any can be.", failure);
            // Escapes in JSON can stand for half of a letter, which no text can hold.
            if (failure is InvalidOperationException or EncoderFallbackException or ArgumentException)
                throw new CheckpointException(
                    folder.FullPath,
                    $"one of its files is damaged: {CheckpointFolder.Shown(failure.Message.TrimEnd('.'))}.",
                    failure
                );
            throw;
        }
    }

    /// <summary>Writes the files. Each appears under its name only when all are whole; what is cancelled or fails leaves nothing
    /// behind.</summary>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it between chunks of some megabytes.</param>
    /// <exception cref="CheckpointException">A file cannot be read or written, or a weight is no number.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Task ConvertAsync(IProgress<ConversionProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Convert(progress, cancellationToken), cancellationToken);

    /// <summary>Closes the checkpoint's files.</summary>
    public void Dispose()
    {
        weights.Dispose();
        foreach (VisionTowerFolder tower in towers)
            tower.Dispose();
    }

    // What is told by its files, whose language model's or fixed configuration serves.
    private static bool IsInPieces(CheckpointFolder folder) =>
        LavisPieces.Find(folder) is not null || FlamingoPieces.Find(folder).Count > 0 || CandleBlip.Find(folder) is not null;

    private void Convert(IProgress<ConversionProgress>? progress, CancellationToken cancellationToken)
    {
        RequireRoom();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var digests = new SourceDigests([.. parts.SettingFiles()], ConversionPlan.WeightFiles(parts, weights, towers), stop.Token);
        try
        {
            long total = files.Sum(static file => file.ByteLength),
                written = 0;
            var context = new WriteContext(
                options.AllowNaN,
                digests,
                Invalid,
                count => progress?.Report(new ConversionProgress(written += count, total)),
                cancellationToken
            );
            WriteFrom(0, context);
        }
        catch
        {
            stop.Cancel();
            throw;
        }
    }

    // All are whole before the first has its name.
    private void WriteFrom(int index, WriteContext context)
    {
        if (index < files.Count)
            files[index].Write(context, () => WriteFrom(index + 1, context));
        else
            context.Cancellation.ThrowIfCancellationRequested();
    }

    // A file may be most of a disk: better said now than after an hour.
    private void RequireRoom()
    {
        string output = Path.GetFullPath(options.OutputFolder);
        try
        {
            Directory.CreateDirectory(output);
            long needed = files.Sum(static file => file.ByteLength),
                free = new DriveInfo(output).AvailableFreeSpace;
            if (needed > free)
                throw new CheckpointException(output, $"{needed} bytes are needed, but only {free} are free.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CheckpointException(output, $"the folder cannot be written to: {failure.Message}", failure);
        }
    }

    private CheckpointException Invalid(string tensor)
    {
        string path = weights.Find(tensor)?.File.Path ?? parts.Root.FullPath;
        return new CheckpointException(path, $"tensor '{CheckpointFolder.Shown(tensor)}' holds values that are no numbers (NaN).");
    }

    private static ConvertedFile Describe(ModelFile file) =>
        new(
            file.Path,
            [
                .. file.Tensors.Select(static tensor => new ConvertedTensor(
                    tensor.Name,
                    tensor.Type.ToString(),
                    tensor.Shape,
                    tensor.ByteLength,
                    tensor.Source
                )),
            ],
            file.ByteLength
        );
}
