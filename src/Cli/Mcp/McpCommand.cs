using System.CommandLine;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;

namespace Tessera.Cli.Mcp;

/// <summary><c>tessera mcp</c>: gives agents eyes, as a server of the Model Context Protocol on standard input and output.</summary>
internal sealed class McpCommand(CliConsole console)
{
    private const string Instructions =
        "Answers questions about pictures with a vision-language model on this machine. Pictures are named by their paths, pages of PDF "
        + "files as report.pdf#3, or given as data URIs.";

    private readonly ModelArguments model = new(console);
    private readonly Option<string[]> roots = new("--root")
    {
        Description = "A folder whose pictures may be opened; may be given several times. Without it, the working directory.",
        HelpName = "FOLDER",
    };

    public static Command Create(CliConsole console)
    {
        var mcp = new McpCommand(console);
        var command = new ExampleCommand(
            "mcp",
            "Answer agents' questions about pictures, over the Model Context Protocol on standard input and output.",
            "tessera mcp --root ~/Pictures -m llava-v1.5-7b"
        );
        command.Add(mcp.roots);
        mcp.model.AddTo(command);
        command.SetAction(mcp.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        await using var eyes = new McpEyes(
            new BoundedPictures(console, FolderBounds.Of(Folders(parsed), "--root")),
            () => model.OpenVision(parsed),
            stop => MultimodalModel.LoadAsync(model.ToOptions(parsed, needsVision: true), progress: null, stop),
            model.Limits(parsed)
        );
        var options = new McpServerOptions
        {
            ServerInfo = new Implementation
            {
                Name = "tessera",
                Title = "Tessera",
                Version = typeof(McpCommand).Assembly.GetName().Version?.ToString(3) ?? "0",
            },
            ServerInstructions = Instructions,
            Capabilities = new ServerCapabilities { Tools = new ToolsCapability() },
            Handlers = new McpServerHandlers
            {
                ListToolsHandler = static (_, _) => ValueTask.FromResult(new ListToolsResult { Tools = [.. McpTools.All] }),
                CallToolHandler = (request, stop) => new ValueTask<CallToolResult>(McpTools.CallAsync(eyes, request.Params, stop)),
            },
        };
        await using var transport = new StreamServerTransport(console.OpenInput(), console.OpenOutput(), "tessera");
        await using McpServer server = McpServer.Create(transport, options);
        await server.RunAsync(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return ExitCode.Success;
    }

    private string[] Folders(ParseResult parsed)
    {
        if (parsed.GetValue(roots) is { Length: > 0 } named)
            return named;
        string here = Directory.GetCurrentDirectory();
        // Desktop programs start their servers there, and then everything would be open.
        return Path.GetPathRoot(here) == here
            ? throw new UsageException("The working directory is the whole disk: name the folders that may be looked into with --root.")
            : [here];
    }
}
