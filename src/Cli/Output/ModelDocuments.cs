namespace Tessera.Cli.Output;

internal sealed record QuantizeDocument(IReadOnlyList<QuantizedFileDocument> Files, bool Written, IReadOnlyList<DriftDocument> Drift);

internal sealed record QuantizedFileDocument(
    string Path,
    string Kind,
    string Type,
    long SourceBytes,
    long Bytes,
    IReadOnlyList<QuantizedTensorDocument> Tensors
);

internal sealed record QuantizedTensorDocument(string Name, string From, string Type, long Bytes);

internal sealed record DriftDocument(
    string? Picture,
    int Tokens,
    double? MeanCosine,
    double? WorstCosine,
    double? LogitCosine,
    bool? FirstTokenIsSame,
    IReadOnlyList<double> TokenCosines
);

internal sealed record ImatrixDocument(string Path, int Tokens);

/// <summary>A model: here, in the catalogue, or a checkpoint of the catalogue that is to be converted.</summary>
internal sealed record ModelDocument(
    string Name,
    string About,
    string Family,
    string? Source,
    string State,
    long MemoryBytes,
    bool Fits,
    string Licence,
    string? Verified,
    bool HasDigests
);

internal sealed record PullDocument(string Name, string? Model, string? Mmproj, string? Checkpoint);

internal sealed record FitDocument(PlanDocument Plan, IReadOnlyList<PlanDocument> Others);

internal sealed record PlanDocument(
    int Context,
    string CacheType,
    long WeightBytes,
    long CacheBytes,
    long ComputeBytes,
    long VisionWeightBytes,
    long VisionComputeBytes,
    long ImageBytes,
    long ProgramBytes,
    long TotalBytes,
    bool Fits,
    int LargestContext,
    IReadOnlyList<DeviceMemoryDocument> Devices
);

internal sealed record DeviceMemoryDocument(string Device, long Bytes, long FreeBytes);
