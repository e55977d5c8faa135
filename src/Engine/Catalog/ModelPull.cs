using System.IO.Enumeration;

namespace Tessera.Catalog;

/// <summary>What to fetch for a name, an address or a repository, and where it goes.</summary>
/// <param name="Name">The model's name in the store.</param>
/// <param name="Files">The files: where each is, and its name in the model's folder.</param>
/// <param name="IsCheckpoint">Whether it is a checkpoint, which goes into a folder of its own.</param>
internal sealed record PullPlan(string Name, IReadOnlyList<DownloadRequest> Files, bool IsCheckpoint);

/// <summary>Plans and carries out a pull.</summary>
internal sealed class ModelPull(PullOptions options, IReadOnlyList<CatalogEntry> entries)
{
    // What a checkpoint consists of beside its weights, which come in one of two kinds.
    private static readonly string[] CheckpointEndings = [".json", ".txt", ".model", ".tiktoken", ".jinja", "README.md", "LICENSE"];

    // Of weights in several forms the first is taken.
    private static readonly string[][] WeightEndings =
    [
        [".safetensors"],
        [".bin"],
        [".pth", ".pt"],
    ];

    // Folders in which parts of a checkpoint lie: VILA's sides, InstructBLIP's second tokenizer.
    private static readonly string[] CheckpointFolders = ["llm", "vision_tower", "mm_projector", "qformer_tokenizer"];
    private readonly IReadOnlyList<Uri> endpoints = options.Endpoints ?? HubSource.Endpoints();

    /// <summary>Fetches a model.</summary>
    /// <exception cref="PullException">It cannot be had.</exception>
    public async Task<PulledModel> RunAsync(string source, IProgress<PullProgress>? progress, CancellationToken cancellationToken)
    {
        using var web = new WebSource(options.Token ?? Environment.GetEnvironmentVariable(HubSource.TokenVariable), endpoints);
        PullPlan plan = await PlanAsync(web, source, cancellationToken).ConfigureAwait(false);
        string folder = ModelStore.FolderOf(plan.Name);
        try
        {
            Directory.CreateDirectory(folder);
            foreach (DownloadRequest file in plan.Files)
                Directory.CreateDirectory(Path.GetDirectoryName(file.Path)!);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new PullException(PullFailure.CannotWrite, $"{folder} cannot be made: {failure.Message.TrimEnd('.')}.", failure);
        }

        try
        {
            RequireRoom(folder, plan);
            foreach (DownloadRequest file in plan.Files)
                await new FileDownload(web, file, options, progress) { FirstWait = FirstWait }
                    .RunAsync(cancellationToken)
                    .ConfigureAwait(false);
        }
        catch
        {
            ModelStore.ForgetIfEmpty(folder);
            throw;
        }

        return ModelStore.Find(plan.Name)
            ?? throw new PullException(
                PullFailure.BadAnswer,
                $"{source} has neither a language model's GGUF file nor a checkpoint's config.json."
            );
    }

    /// <summary>Waits between tries; tests make it short.</summary>
    internal TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    private async Task<PullPlan> PlanAsync(WebSource web, string source, CancellationToken cancellationToken)
    {
        if (entries.FirstOrDefault(entry => entry.Name == source) is { } known)
            return await OfEntryAsync(web, known, cancellationToken).ConfigureAwait(false);
        if (HubSource.TryParse(source) is { } repository)
            return await OfRepositoryAsync(web, repository, cancellationToken).ConfigureAwait(false);
        if (Uri.TryCreate(source, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https")
            return OfAddress(address);
        throw new PullException(
            PullFailure.NotFound,
            $"'{source}' is no model of the catalogue, no address and no hf:owner/repo{ModelCatalog.Meant(ModelCatalog.NearNames(source))}"
        );
    }

    private async Task<PullPlan> OfEntryAsync(WebSource web, CatalogEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Source is null)
            throw new PullException(PullFailure.NotFound, $"{entry.Name} comes with Tessera: there is nothing to pull.");
        HubSource? repository = HubSource.TryParse(entry.Source);
        string name = options.Name ?? entry.Name;
        if (entry.Model is null)
            return repository is null
                ? throw new PullException(PullFailure.NotFound, $"{entry.Name} is a checkpoint, which only hf: sources list.")
                : (await OfRepositoryAsync(web, repository, cancellationToken).ConfigureAwait(false)) with
                {
                    Name = name,
                };
        CatalogFile[] files = entry.Projector is null ? [entry.Model] : [entry.Model, entry.Projector];
        if (repository is not null && files.Any(static file => file.Path.Contains('*', StringComparison.Ordinal)))
        {
            IReadOnlyList<CatalogFile> all = await repository.ListAsync(web, endpoints, cancellationToken).ConfigureAwait(false);
            files = [.. files.Select(file => Find(entry, file, all)).SelectMany(file => PartsOf(file, all))];
        }

        return new PullPlan(
            name,
            [
                .. files.Select(file => new DownloadRequest(
                    repository?.Addresses(file.Path, endpoints) ?? [new Uri(new Uri(entry.Source.TrimEnd('/') + "/"), file.Path)],
                    Path.Combine(ModelStore.FolderOf(name), FileName(file.Path)),
                    file.ByteLength,
                    file.Sha256
                )),
            ],
            IsCheckpoint: false
        );
    }

    // The first by name; projectors are no models, though "*" may stand for their names too. What the catalogue says of it counts.
    private static CatalogFile Find(CatalogEntry entry, CatalogFile file, IReadOnlyList<CatalogFile> all)
    {
        CatalogFile found =
            all.Where(other => ModelStore.IsProjector(other.Path) == ModelStore.IsProjector(file.Path))
                .OrderBy(static other => other.Path, StringComparer.Ordinal)
                .FirstOrDefault(other => FileSystemName.MatchesSimpleExpression(file.Path, FileName(other.Path)))
            ?? throw new PullException(
                PullFailure.NotFound,
                $"{entry.Source} has no file {file.Path}, which the catalogue names for {entry.Name}."
            );
        return found with { ByteLength = file.ByteLength ?? found.ByteLength, Sha256 = file.Sha256 ?? found.Sha256 };
    }

    private PullPlan OfAddress(Uri address)
    {
        string file = Uri.UnescapeDataString(address.Segments[^1]);
        if (
            !HubSource.IsPath(file)
            || file.Contains('/', StringComparison.Ordinal)
            || !file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
        )
            throw new PullException(PullFailure.NotFound, $"{WebSource.Shown(address)} is no address of a GGUF file.");
        string name = options.Name ?? ModelStore.ToName(Path.GetFileNameWithoutExtension(file));
        return new PullPlan(
            name,
            [new DownloadRequest([address], Path.Combine(ModelStore.FolderOf(name), file), null, null)],
            IsCheckpoint: false
        );
    }

    private async Task<PullPlan> OfRepositoryAsync(WebSource web, HubSource repository, CancellationToken cancellationToken)
    {
        IReadOnlyList<CatalogFile> all = await repository.ListAsync(web, endpoints, cancellationToken).ConfigureAwait(false);
        CatalogFile[] gguf = [.. all.Where(static file => file.Path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))];
        string name = options.Name ?? ModelStore.ToName(repository.Name);
        if (gguf.Length == 0 && repository.File is null && all.Any(static file => file.Path == "config.json"))
            return Plan(name, repository, Checkpoint(all), isCheckpoint: true);
        CatalogFile model = repository.File is { } wanted ? Named(repository, all, wanted) : Choose(repository, gguf);
        CatalogFile? projector = ModelStore.IsProjector(model.Path) ? null : Projector(gguf);
        IEnumerable<CatalogFile> files = PartsOf(model, all);
        return Plan(name, repository, projector is null ? files : files.Append(projector), isCheckpoint: false);
    }

    // All parts of a model that is split into several files, or the one file.
    private static IEnumerable<CatalogFile> PartsOf(CatalogFile model, IReadOnlyList<CatalogFile> all) =>
        ModelStore.SplitName(model.Path) is { } name ? all.Where(file => ModelStore.SplitName(file.Path) == name) : [model];

    private PullPlan Plan(string name, HubSource repository, IEnumerable<CatalogFile> files, bool isCheckpoint) =>
        new(
            name,
            [
                .. files.Select(file => new DownloadRequest(
                    repository.Addresses(file.Path, endpoints),
                    isCheckpoint
                        ? Path.Combine(
                            ModelStore.FolderOf(name),
                            ModelStore.CheckpointName,
                            file.Path.Replace('/', Path.DirectorySeparatorChar)
                        )
                        : Path.Combine(ModelStore.FolderOf(name), FileName(file.Path)),
                    file.ByteLength,
                    file.Sha256
                )),
            ],
            isCheckpoint
        );

    private static CatalogFile Named(HubSource repository, IReadOnlyList<CatalogFile> all, string wanted) =>
        all.FirstOrDefault(file => file.Path == wanted)
        ?? throw new PullException(PullFailure.NotFound, $"hf:{repository.Owner}/{repository.Name} has no file {wanted}.");

    // The only one; of several the usual compromise.
    private static CatalogFile Choose(HubSource repository, CatalogFile[] gguf)
    {
        const int Shown = 20;
        CatalogFile[] models = [.. gguf.Where(static file => !ModelStore.IsProjector(file.Path) && !ModelStore.IsLaterPart(file.Path))];
        if (models.Length == 1)
            return models[0];
        CatalogFile[] usual = [.. models.Where(static file => file.Path.Contains("Q4_K_M", StringComparison.OrdinalIgnoreCase))];
        if (usual.Length == 1)
            return usual[0];
        string place = $"hf:{repository.Owner}/{repository.Name}";
        throw new PullException(
            PullFailure.NotFound,
            models.Length == 0
                ? $"{place} has no GGUF file and no config.json."
                : $"{place} has several models; take one of them as {place}:FILE: "
                    + $"{string.Join(", ", models.Take(Shown).Select(static file => file.Path))}."
        );
    }

    // The largest type that is not single precision: F16 or BF16 before quantized ones.
    private static CatalogFile? Projector(CatalogFile[] gguf) =>
        gguf.Where(static file => ModelStore.IsProjector(file.Path))
            .OrderBy(static file =>
                file.Path.Contains("f16", StringComparison.OrdinalIgnoreCase)
                && !file.Path.Contains("bf16", StringComparison.OrdinalIgnoreCase)
                    ? 0
                    : 1
            )
            .ThenBy(static file => file.Path, StringComparer.Ordinal)
            .FirstOrDefault();

    private static IEnumerable<CatalogFile> Checkpoint(IReadOnlyList<CatalogFile> all)
    {
        CatalogFile[] parts = [.. all.Where(static file => IsOfCheckpoint(file.Path))];
        string[] weights = WeightEndings.FirstOrDefault(endings => parts.Any(file => endings.Any(ending => EndsWith(file, ending)))) ?? [];
        return parts.Where(file => CheckpointEndings.Concat(weights).Any(ending => EndsWith(file, ending)));
    }

    // Mistral's own form of the weights is the same once more.
    private static bool IsOfCheckpoint(string path) =>
        path.Split('/') is var parts
        && (parts.Length == 1 || (parts.Length == 2 && CheckpointFolders.Contains(parts[0])))
        && !parts[^1].StartsWith("consolidated", StringComparison.Ordinal);

    private static bool EndsWith(CatalogFile file, string ending) => file.Path.EndsWith(ending, StringComparison.Ordinal);

    private static string FileName(string path) => path[(path.LastIndexOf('/') + 1)..];

    private static void RequireRoom(string folder, PullPlan plan)
    {
        long needed = plan.Files.Sum(static file =>
            File.Exists(file.Path) || File.Exists(file.Path + PartFile.PartSuffix) ? 0 : file.ByteLength ?? 0
        );
        try
        {
            long free = new DriveInfo(folder).AvailableFreeSpace;
            if (needed > free)
                throw new PullException(PullFailure.NoRoom, $"{plan.Name} needs {needed} bytes, but only {free} are free in {folder}.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Nothing is known of the disk; writing says what is wrong.
        }
    }
}
