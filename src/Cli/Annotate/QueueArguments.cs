using System.CommandLine;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Queue;
using Tessera.Shared;

namespace Tessera.Cli.Annotate;

/// <summary>The options that name the server of a queue.</summary>
internal sealed class QueueArguments(CliConsole console, bool isRequired)
{
    private readonly Option<string?> queue = new("--queue")
    {
        Description = isRequired
            ? "The NATS server with the queue: nats://host:port, or tls://."
            : "Let the workers on a NATS server's queue do it ('tessera work'): nats://host:port, or tls://.",
        HelpName = "URL",
        Required = isRequired,
    };
    private readonly Option<string?> credentials = new("--queue-creds")
    {
        Description = "A file of NATS credentials for the server.",
        HelpName = "FILE",
    };

    public void AddTo(Command command)
    {
        command.Add(queue);
        command.Add(credentials);
    }

    /// <summary>Whether a queue is named.</summary>
    public bool Any(ParseResult parsed) => parsed.GetValue(queue) is not null;

    /// <summary>Connects.</summary>
    /// <exception cref="TesseraException">There is no such server.</exception>
    public async Task<QueueConnection> OpenAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string address = parsed.GetValue(queue)!;
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? url) || url.Scheme is not ("nats" or "tls") || url.Host.Length == 0)
            throw new UsageException("--queue takes an address as nats://host:4222.");
        string? file = parsed.GetValue(credentials);
        if (file is not null && !FileKind.HasContents(file))
            throw new TesseraException($"{file}: there is no such file of credentials.");
        QueueConnection connection = await QueueConnection.OpenAsync(url, file, patience: null, cancellationToken);
        connection.Noted += console.Say;
        return connection;
    }
}
