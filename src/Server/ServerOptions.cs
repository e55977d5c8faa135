namespace Tessera.Server;

/// <summary>A model that is served, under the name that clients call it by.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Files">Its files and where they run.</param>
public sealed record ServedModel(string Name, ModelOptions Files);

/// <summary>What is served, to whom, and how much at once.</summary>
public sealed record ServerOptions
{
    /// <summary>Lists the models; the first one answers where a request names none. Asked anew with each request, as models are
    /// pulled.</summary>
    public required Func<IReadOnlyList<ServedModel>> Models { get; init; }

    /// <summary>The address to listen at: an IP address, or <c>localhost</c>.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0 takes a free one.</summary>
    public int Port { get; init; } = DefaultPort;

    /// <summary>What clients must send as <c>Authorization: Bearer</c>; null asks for nothing.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Answers that are made at the same time; further ones wait.</summary>
    public int ParallelAnswerCount { get; init; } = 8;

    /// <summary>Answers that may wait; further ones are refused with 429.</summary>
    public int QueueLimit { get; init; } = 64;

    /// <summary>Tokens that a model's KV cache holds for all answers together; 0 takes one context's.</summary>
    public int CacheLength { get; init; }

    /// <summary>The most tokens of an answer whose request does not say.</summary>
    public int MaxTokens { get; init; } = 1024;

    /// <summary>How long a model stays loaded after its last answer, where a request does not say; negative for ever.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The most models that are loaded at once; memory may allow fewer.</summary>
    public int MaxLoadedModels { get; init; } = 3;

    /// <summary>Whether the first model is loaded at the start, and kept until it has been idle.</summary>
    public bool LoadsAtStart { get; init; } = true;

    /// <summary>The most bytes of a request.</summary>
    public long MaxBodyBytes { get; init; } = 64L << 20;

    /// <summary>The most bytes of requests that are in memory at the same time; further large ones are refused with 429.</summary>
    public long MaxPendingBodyBytes { get; init; } = 512L << 20;

    /// <summary>Hosts from which pictures are fetched, <c>*.example.org</c> for those below one and <c>*</c> for all; none by
    /// default.</summary>
    public IReadOnlyList<string> PictureHosts { get; init; } = [];

    /// <summary>Whether those hosts may be in this machine's own network.</summary>
    public bool AllowsLocalPictures { get; init; }

    /// <summary>A folder from which pictures are read by <c>file:</c> addresses; null for none.</summary>
    public string? PictureFolder { get; init; }

    /// <summary>Web origins beside the server's own whose pages may call it, such as <c>http://localhost:3000</c>.</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    /// <summary>How long answers may go on when the server is told to stop.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a request's headers may take to come, and its body without coming at <see cref="LeastBytesPerSecond"/>.</summary>
    internal TimeSpan RequestPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long answers that are told to stop may take for it, which they do within one step.</summary>
    internal TimeSpan StopTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes in a second below which a body comes too slowly, and an answer is read too slowly.</summary>
    internal double LeastBytesPerSecond { get; init; } = 240;

    /// <summary>Says whether there is room for another model, beside those that are loaded.</summary>
    internal Func<ModelOptions, CancellationToken, Task<bool>> HasRoomAsync { get; init; } =
        static async (files, cancellationToken) => (await MemoryPlan.ForAsync(files, null, cancellationToken)).Fits;

    /// <summary>8427.</summary>
    public const int DefaultPort = 8427;

    /// <summary>Reads a time as Ollama's API writes it: seconds, or such as <c>5m</c>; negative for ever. Null where it is none.</summary>
    public static TimeSpan? ParseTime(string text) => Json.KeepAlive.Parse(text ?? throw new ArgumentNullException(nameof(text)));
}
