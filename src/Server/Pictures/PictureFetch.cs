using System.Net;
using System.Net.Sockets;
using Tessera.Server.Hosting;
using Tessera.Shared;

namespace Tessera.Server.Pictures;

/// <summary>
/// Fetches pictures from the hosts that the operator allows. Who asks is not trusted: each redirect's host must be allowed too, and the
/// addresses that its name stands for are looked at when connecting, so that no name leads into this machine's own network.
/// </summary>
/// <param name="options">What is allowed.</param>
internal sealed class PictureFetch(ServerOptions options) : IDisposable
{
    private const int MaxRedirects = 5;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly HttpMessageInvoker client = new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            // A proxy would resolve names for us.
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            MaxResponseHeadersLength = 16,
            ConnectCallback = (context, cancellationToken) => ConnectAsync(context, options.AllowsLocalPictures, cancellationToken),
        }
    );

    /// <summary>Fetches one picture.</summary>
    /// <exception cref="ApiException">It is not allowed, or cannot be had.</exception>
    public async Task<PromptImage> ReadAsync(Uri address, string path, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            using HttpResponseMessage response = await OpenAsync(address, path, limit.Token);
            if (response.Content.Headers.ContentLength > options.MaxBodyBytes)
                throw TooLarge(path);
            await using Stream content = await response.Content.ReadAsStreamAsync(limit.Token);
            return new PromptImage(await ReadAsync(content, path, limit.Token), path);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw ApiException.Field(path, $"was not sent within {Limit.TotalSeconds:0} seconds.");
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or SocketException)
        {
            // What a host in a closed network answers is nobody's business.
            throw failure.InnerException as ApiException ?? ApiException.Field(path, "cannot be fetched.", failure);
        }
    }

    public void Dispose() => client.Dispose();

    private async Task<HttpResponseMessage> OpenAsync(Uri address, string path, CancellationToken cancellationToken)
    {
        for (int redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            Require(address, path);
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            HttpResponseMessage response = await client.SendAsync(request, cancellationToken);
            if (response.IsSuccessStatusCode)
                return response;
            using (response)
            {
                bool isRedirect = (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is not null;
                if (!isRedirect)
                    throw ApiException.Field(path, $"cannot be fetched: its server answered {(int)response.StatusCode}.");
                var next = new Uri(address, response.Headers.Location!);
                if (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps)
                    throw ApiException.Field(path, "is redirected from https to http.");
                address = next;
            }
        }

        throw ApiException.Field(path, $"is redirected more than {MaxRedirects} times.");
    }

    private void Require(Uri address, string path)
    {
        if (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps)
            throw ApiException.Field(path, "is redirected to what is neither http nor https.");
        if (!options.PictureHosts.Any(pattern => Matches(pattern, address.IdnHost)))
            throw ApiException.Field(
                path,
                "is an address that this server does not fetch from: send the picture as a data: URI, or have its host allowed."
            );
        if (!options.AllowsLocalPictures && LocalNetwork.HoldsName(address.DnsSafeHost))
            throw Local(path);
    }

    private static bool Matches(string pattern, string host) =>
        pattern == "*"
        || host.Equals(pattern, StringComparison.OrdinalIgnoreCase)
        || (pattern.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase));

    private static ApiException Local(string path) => ApiException.Field(path, "leads into the server's own network.");

    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context,
        bool allowsLocal,
        CancellationToken cancellationToken
    )
    {
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
        if (!allowsLocal && addresses.Any(LocalNetwork.Holds))
            throw Local("image_url");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // The addresses that were looked at, not the name, which may stand for others by now.
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<byte[]> ReadAsync(Stream content, string path, CancellationToken cancellationToken)
    {
        using var data = new MemoryStream();
        var buffer = new byte[1 << 16];
        int count;
        while ((count = await content.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (data.Length + count > options.MaxBodyBytes)
                throw TooLarge(path);
            data.Write(buffer, 0, count);
        }

        return data.ToArray();
    }

    private ApiException TooLarge(string path) => ApiException.Field(path, $"has more than {options.MaxBodyBytes / 1_000_000} MB.");
}
