using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tessera.Cli.Tests.Support;

/// <summary>Gives a picture for every path but /gone, at an address of this machine.</summary>
internal sealed class PictureServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly byte[] picture;

    public PictureServer(string path)
    {
        picture = File.ReadAllBytes(path);
        listener.Start();
        _ = AnswerAllAsync();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    public void Dispose() => listener.Dispose();

    private async Task AnswerAllAsync()
    {
        try
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
                NetworkStream stream = client.GetStream();
                byte[] request = new byte[4096];
                int count = await stream.ReadAtLeastAsync(request, 1);
                bool isGone = Encoding.ASCII.GetString(request, 0, count).StartsWith("GET /gone", StringComparison.Ordinal);
                byte[] body = isGone ? [] : picture;
                string head =
                    $"HTTP/1.1 {(isGone ? "404 Not Found" : "200 OK")}\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n";
                await stream.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. body]);
                client.Client.Shutdown(SocketShutdown.Send);
                await stream.ReadAtLeastAsync(request, 1, throwOnEndOfStream: false);
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException or IOException)
        {
            // The test is over.
        }
    }
}
