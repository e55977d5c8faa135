using System.CommandLine;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;

namespace Tessera.Cli.Serve;

/// <summary><c>tessera serve</c>: answers over HTTP. Nothing of ASP.NET Core is loaded before it runs.</summary>
internal sealed class ServeCommand(CliConsole console)
{
    private readonly ModelArguments model = new(console);
    private readonly ServeArguments arguments = new();
    private readonly ServedModelArguments models = new(console);
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document, with the address, once it answers." };

    public static Command Create(CliConsole console)
    {
        var serve = new ServeCommand(console);
        var command = new ExampleCommand(
            "serve",
            "Answer over HTTP, as OpenAI's and Ollama's servers do, and show a page to talk to.",
            "tessera serve -m llava-v1.5-7b-Q4_K.gguf --mmproj mmproj-f16.gguf"
        );
        serve.models.AddTo(command);
        serve.arguments.AddTo(command);
        serve.model.AddServingTo(command);
        command.Add(serve.json);
        command.SetAction(serve.RunAsync);
        return command;
    }

    private Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken) =>
        ServeRun.RunAsync(console, arguments.Read(parsed, models.Read(parsed, model)), parsed.GetValue(json), cancellationToken);
}
