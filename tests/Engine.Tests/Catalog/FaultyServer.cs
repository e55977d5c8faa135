using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tessera.Engine.Tests.Catalog;

/// <summary>A request that the server got.</summary>
/// <param name="Path">The path with its query.</param>
/// <param name="First">The first byte of the range, or null.</param>
/// <param name="Last">The last one.</param>
/// <param name="Token">The bearer's token, or null.</param>
internal sealed record ServedRequest(string Path, long? First, long? Last, string? Token);

/// <summary>What the server does about a request.</summary>
/// <param name="Body">The whole file.</param>
internal sealed record Serving(byte[] Body)
{
    public int Status { get; init; } = 206;

    public string? ETag { get; init; } = "\"one\"";

    public bool KnowsRanges { get; init; } = true;

    /// <summary>Bytes after which the connection is cut.</summary>
    public int CutAfter { get; init; } = int.MaxValue;

    /// <summary>Bytes after which nothing more comes.</summary>
    public int StallAfter { get; init; } = int.MaxValue;

    /// <summary>Bytes a millisecond, about; 0 for as many as go.</summary>
    public int Rate { get; init; }

    /// <summary>How much longer the file is than the server says.</summary>
    public int LengthLie { get; init; }

    public string ExtraHeaders { get; init; } = "";
}

/// <summary>A server on this machine that speaks just enough HTTP, and behaves as badly as a test wants.</summary>
internal sealed class FaultyServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Func<ServedRequest, Serving> serve;

    public FaultyServer(Func<ServedRequest, Serving> serve)
    {
        this.serve = serve;
        listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");

    /// <summary>Counts the connections on which nothing more comes.</summary>
    public SemaphoreSlim Stalled { get; } = new(0);

    public ConcurrentQueue<ServedRequest> Requests { get; } = new();

    public void Dispose()
    {
        stop.Cancel();
        listener.Dispose();
        stop.Dispose();
        Stalled.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await listener.AcceptTcpClientAsync(stop.Token));
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                ServedRequest request = await ReadAsync(stream);
                Requests.Enqueue(request);
                await AnswerAsync(stream, request, serve(request));
            }
            catch (Exception gone) when (gone is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // The client has hung up.
            }
        }
    }

    private async Task<ServedRequest> ReadAsync(NetworkStream stream)
    {
        var text = new StringBuilder();
        byte[] one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, stop.Token) == 1)
            text.Append((char)one[0]);
        string[] lines = text.ToString().Split("\r\n");
        string? Header(string name) =>
            lines.FirstOrDefault(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim();
        long[]? range = Header("Range")
            ?["bytes=".Length..].Split('-')
            .Select(static part => long.Parse(part, CultureInfo.InvariantCulture))
            .ToArray();
        return new ServedRequest(lines[0].Split(' ')[1], range?[0], range?[1], Header("Authorization")?["Bearer ".Length..]);
    }

    private async Task AnswerAsync(NetworkStream stream, ServedRequest request, Serving serving)
    {
        bool isPart = serving is { KnowsRanges: true, Status: 206 } && request.First is not null;
        byte[] body =
            serving.Status is not (200 or 206) ? []
            : isPart ? serving.Body[(int)request.First!.Value..(int)Math.Min(serving.Body.Length, request.Last!.Value + 1)]
            : serving.Body;
        int status = serving.Status == 206 && !isPart ? 200 : serving.Status;
        string head =
            $"HTTP/1.1 {status} X\r\nConnection: close\r\n{serving.ExtraHeaders}"
            + $"Content-Length: {body.Length - (isPart ? 0 : serving.LengthLie)}\r\n";
        if (isPart)
            head += $"Content-Range: bytes {request.First}-{request.First + body.Length - 1}/{serving.Body.Length - serving.LengthLie}\r\n";
        if (serving.ETag is not null)
            head += $"ETag: {serving.ETag}\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head + "\r\n"), stop.Token);
        int step = serving.Rate > 0 ? serving.Rate * 10 : 1 << 16;
        for (int at = 0; at < body.Length; at += step)
        {
            if (at >= serving.CutAfter)
                return;
            if (at >= serving.StallAfter)
            {
                Stalled.Release();
                await Task.Delay(Timeout.Infinite, stop.Token);
            }

            int count = Math.Min(Math.Min(step, body.Length - at), Math.Min(serving.CutAfter, serving.StallAfter) - at);
            await stream.WriteAsync(body.AsMemory(at, count), stop.Token);
            if (count < step && at + count < body.Length)
                at += count - step;
            if (serving.Rate > 0)
                await Task.Delay(10, stop.Token);
        }
    }
}
