using System.CommandLine;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Server;

namespace Tessera.Cli.Serve;

/// <summary>The options that say where a server listens, to whom it answers, and how much at once.</summary>
internal sealed class ServeArguments
{
    private const string KeyVariable = "TESSERA_API_KEY";
    private readonly Option<string> host = new("--host")
    {
        Description = "The address to listen at; 0.0.0.0 is all of this machine's.",
        HelpName = "ADDRESS",
        DefaultValueFactory = static _ => "127.0.0.1",
    };
    private readonly Option<int> port = OptionValues.Number("--port", "The port; 0 takes a free one.", "N", 8427, 0, 65535);
    private readonly Option<string?> apiKey = new("--api-key")
    {
        Description = $"Ask clients for this key; better given by the variable {KeyVariable}, which other users of the machine do not see.",
        HelpName = "KEY",
    };
    private readonly Option<int> parallel = OptionValues.Number("--parallel", "Answers that are made at the same time.", "N", 8, 1, 256);
    private readonly Option<int> queue = OptionValues.Number("--queue", "Answers that may wait; others get 429.", "N", 64, 0, 100_000);
    private readonly Option<int> cache = OptionValues.Number(
        "--cache",
        "Tokens that the KV cache holds for all answers together; 0 takes one context's.",
        "N",
        0,
        0,
        int.MaxValue
    );
    private readonly Option<int> maxTokens = OptionValues.Number(
        "--max-tokens",
        "The most tokens of an answer whose request does not say.",
        "N",
        1024,
        1,
        int.MaxValue
    );
    private readonly Option<string> keepAlive = new("--keep-alive")
    {
        Description = "How long an idle model stays loaded, such as 5m or 24h; -1 is for ever.",
        HelpName = "TIME",
        DefaultValueFactory = static _ => "5m",
    };
    private readonly Option<int> maxModels = OptionValues.Number("--max-models", "Models that are loaded at once.", "N", 3, 1, 100);
    private readonly Option<int> maxBody = OptionValues.Number("--max-body", "The most megabytes of a request.", "MB", 64, 1, 1024);
    private readonly Option<string[]> pictureHosts = new("--allow-picture-host")
    {
        Description = "Fetch pictures from this host when a request names one there; *.example.org and * too; may be given several times.",
        HelpName = "HOST",
    };
    private readonly Option<bool> localPictures = new("--allow-local-urls")
    {
        Description = "Let those hosts be in this machine's own network.",
    };
    private readonly Option<string?> pictureFolder = new("--allow-picture-folder")
    {
        Description = "Read pictures from this folder when a request names one by a file: address.",
        HelpName = "FOLDER",
    };
    private readonly Option<string[]> origins = new("--allow-origin")
    {
        Description = "Let the pages of this web site call the server, such as http://localhost:3000; may be given several times.",
        HelpName = "ORIGIN",
    };
    private readonly Option<int> shutdown = OptionValues.Number(
        "--shutdown-timeout",
        "Seconds that answers may go on when the server is told to stop.",
        "S",
        30,
        0,
        3600
    );

    public void AddTo(Command command)
    {
        foreach (
            Option option in (Option[])
                [
                    host,
                    port,
                    apiKey,
                    parallel,
                    queue,
                    cache,
                    maxTokens,
                    keepAlive,
                    maxModels,
                    maxBody,
                    pictureHosts,
                    localPictures,
                    pictureFolder,
                    origins,
                    shutdown,
                ]
        )
            command.Add(option);
    }

    /// <summary>What the options say.</summary>
    /// <exception cref="UsageException">One cannot be followed.</exception>
    public ServerOptions Read(ParseResult parsed, Func<IReadOnlyList<ServedModel>> models)
    {
        string? folder = parsed.GetValue(pictureFolder);
        if (folder is not null && !Directory.Exists(folder))
            throw new UsageException($"--allow-picture-folder: {folder} is no folder.");
        string time = parsed.GetRequiredValue(keepAlive);
        return new ServerOptions
        {
            Models = models,
            Host = parsed.GetRequiredValue(host),
            Port = parsed.GetValue(port),
            ApiKey = parsed.GetValue(apiKey) ?? Environment.GetEnvironmentVariable(KeyVariable),
            ParallelAnswerCount = parsed.GetValue(parallel),
            QueueLimit = parsed.GetValue(queue),
            CacheLength = parsed.GetValue(cache),
            MaxTokens = parsed.GetValue(maxTokens),
            KeepAlive =
                ServerOptions.ParseTime(time) ?? throw new UsageException($"--keep-alive is '{time}', which is no time such as 5m."),
            MaxLoadedModels = parsed.GetValue(maxModels),
            MaxBodyBytes = (long)parsed.GetValue(maxBody) << 20,
            PictureHosts = parsed.GetValue(pictureHosts) ?? [],
            AllowsLocalPictures = parsed.GetValue(localPictures),
            PictureFolder = folder,
            Origins = parsed.GetValue(origins) ?? [],
            ShutdownTimeout = TimeSpan.FromSeconds(parsed.GetValue(shutdown)),
        };
    }
}
