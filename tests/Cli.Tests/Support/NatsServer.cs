using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using NATS.Client.Core;

namespace Tessera.Cli.Tests.Support;

/// <summary>A NATS server with JetStream on this machine's loopback, for one test; it may be killed and started again.</summary>
internal sealed class NatsServer : IDisposable
{
    public const string Program = "nats-server";
    private readonly string folder;
    private readonly int port;
    private Process process;

    public NatsServer(string folder)
    {
        this.folder = folder;
        // Another program may take a port between finding it free and listening there.
        Process? started;
        do
        {
            port = FreePort();
            started = Start();
        } while (started is null);
        process = started;
    }

    public string Url => $"nats://127.0.0.1:{port}";

    /// <summary>How a client reaches it on however slow a machine.</summary>
    public NatsOpts Patient =>
        new()
        {
            Url = Url,
            ConnectTimeout = Patience.Limit,
            RequestTimeout = Patience.Limit,
            CommandTimeout = Patience.Limit,
        };

    /// <summary>Kills it as nothing can be prepared for, and starts it with what is on its disk.</summary>
    public void KillAndRestart()
    {
        Kill();
        process = Start() ?? throw new InvalidOperationException("nats-server does not start again.");
    }

    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    public void Dispose() => Kill();

    // Null where it ends at once.
    private Process? Start()
    {
        var started = Process.Start(
            new ProcessStartInfo(Program, ["-js", "-sd", folder, "-a", "127.0.0.1", "-p", $"{port}"])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }
        )!;
        started.BeginErrorReadLine();
        started.BeginOutputReadLine();
        Assert.True(SpinWait.SpinUntil(() => started.HasExited || Answers(), Patience.Limit), "nats-server does not start.");
        if (!started.HasExited)
            return started;
        started.Dispose();
        return null;
    }

    private bool Answers()
    {
        try
        {
            using var client = new TcpClient();
            client.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
