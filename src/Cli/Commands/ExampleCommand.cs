using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Tessera.Cli.Commands;

/// <summary>A command whose help ends with an example.</summary>
internal sealed class ExampleCommand(string name, string description, string example) : Command(name, description)
{
    public string Example { get; } = example;
}

/// <summary>The usual help, and the example after it.</summary>
internal sealed class ExampleHelp(HelpAction usual) : SynchronousCommandLineAction
{
    private static readonly (string Line, string What)[] First =
    [
        ("tessera ask -i cat.jpg \"What is this?\"", "answered by the small model that comes with Tessera; it knows shapes and words"),
        ("tessera chat", "a conversation: drop pictures on the terminal, /help lists the rest"),
        ("tessera look cat.jpg", "what a model will see of a picture, and what it costs"),
        ("tessera models", "real models, and which of them this machine holds"),
        ("tessera pull NAME", "fetch one; then give -m NAME, or put it into config.json"),
    ];

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int exitCode = usual.Invoke(parseResult);
        string example = parseResult.CommandResult.Command is ExampleCommand command
            ? command.Example
            : "tessera ask -i cat.jpg \"What is in this picture?\"";
        TextWriter output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Example:");
        output.WriteLine($"  {example}");
        if (parseResult.CommandResult.Command is RootCommand)
        {
            output.WriteLine();
            output.WriteLine("What to try first:");
            foreach ((string line, string what) in First)
                output.WriteLine($"  {line, -44}  {what}");
        }

        return exitCode;
    }
}
