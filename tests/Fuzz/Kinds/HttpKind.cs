using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Tessera.Cli.Arguments;
using Tessera.Cli.Output;
using Tessera.Cli.Tests.Support;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>What a server may answer when it is asked for a picture: an input is all that it sends before it closes.</summary>
internal sealed class HttpKind : FuzzKind
{
    private static readonly string[] Words =
    [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /again\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/2 200\r\n",
        "HTTP/1.1 999\r\n",
        "ICY 200 OK\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 600000000\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Encoding: gzip\r\n",
        "Content-Type: text/html\r\n",
        "Content-Type: \u0001\r\n",
        "Location: file:///etc/passwd\r\n",
        "Location: http://[::1\r\n",
        "Location: ftp://x/\r\n",
        "Location: //\r\n",
        "Location: data:image/png;base64,AA\r\n",
        "Set-Cookie: a=b\r\n",
        "ffffffff\r\n",
        "7fffffffffffffff\r\n",
        "-1\r\n",
        "0\r\n\r\n",
        "5;a=b\r\nhello\r\n",
        "\r\n",
        "\n",
        "\r",
        ": x\r\n",
        " folded\r\n",
        "\u001B[31mred\r\n",
        "x: y\r\n",
        "HTTP/1.1 404 Not\u0007 Found\r\n",
    ];

    private readonly TcpListener listener = new(IPAddress.Any, 0);
    private readonly TextMutator mutator;
    private readonly CliConsole console = new()
    {
        Out = TextWriter.Null,
        Error = TextWriter.Null,
        OpenInput = static () => Stream.Null,
    };
    private volatile byte[] answer = [];
    private int count;

    public HttpKind()
    {
        string picture = Encoding.Latin1.GetString(File.ReadAllBytes(Goldens.Picture("line")));
        mutator = new TextMutator(
            [
                $"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {picture.Length}\r\n\r\n{picture}",
                $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{picture.Length:x}\r\n{picture}\r\n0\r\n\r\n",
                $"HTTP/1.0 200 OK\r\n\r\n{picture}",
                "HTTP/1.1 301 Moved Permanently\r\nLocation: /other.png\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found",
            ],
            Words,
            [("a: b\r\n", ""), ("1\r\na\r\n", ""), ("HTTP/1.1 100 Continue\r\n\r\n", "")]
        );
        listener.Start(64);
        _ = ServeAsync();
    }

    public override string Name => "http";

    public override byte[] Make(Random random) => Encoding.Latin1.GetBytes(Encoding.UTF8.GetString(mutator.Make(random)));

    public override async Task<bool> TryAsync(byte[] input)
    {
        answer = input;
        // One address would run out of ports; on Linux there are sixteen million.
        int number = ++count / 1000 % 250;
        string host = OperatingSystem.IsLinux() ? string.Create(CultureInfo.InvariantCulture, $"127.0.1.{1 + number}") : "127.0.0.1";
        PromptImage image = await ImageInputs.ReadAsync(
            $"http://{host}:{((IPEndPoint)listener.LocalEndpoint).Port}/a.png",
            console,
            allowsLocal: true,
            CancellationToken.None
        );
        return image.Data.Length >= 0;
    }

    protected override void Free() => listener.Stop();

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                Socket client = await listener.AcceptSocketAsync();
                _ = AnswerAsync(client);
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task AnswerAsync(Socket client)
    {
        using Socket socket = client;
        try
        {
            await socket.ReceiveAsync(new byte[4096]);
            await socket.SendAsync(answer);
            socket.Shutdown(SocketShutdown.Send);
            // Closed before the client has read, a connection is reset.
            await socket.ReceiveAsync(new byte[1]);
        }
        catch (SocketException)
        {
            // The client has seen enough.
        }
    }
}
