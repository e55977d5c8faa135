using System.Net;
using System.Net.Sockets;
using Tessera.Shared;

namespace Tessera.Cli.Arguments;

/// <summary>
/// Fetches one picture by its address. Whoever typed the address may name any host; where the server sends us on to is the server's
/// word, and leads into this machine's network only if it began there or the user allows it. That is looked at when connecting, when
/// the name has been resolved.
/// </summary>
internal sealed class ImageDownload : IDisposable
{
    private const int MaxRedirects = 10;

    private readonly string typed;
    private readonly bool allowsLocal;
    private readonly HttpMessageInvoker client;
    private bool isRedirected;
    private bool beganLocally;

    /// <param name="typed">The address as it was typed, for messages.</param>
    /// <param name="allowsLocal">Whether redirects may lead into this machine's network.</param>
    public ImageDownload(string typed, bool allowsLocal)
    {
        this.typed = typed;
        this.allowsLocal = allowsLocal;
        client = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectCallback = ConnectAsync,
            }
        );
    }

    /// <summary>The server's last answer, with its content still to be read.</summary>
    /// <exception cref="ImageException">It has no picture, or sends us where we do not go.</exception>
    /// <exception cref="HttpRequestException">It cannot be reached, or does not speak HTTP.</exception>
    public async Task<HttpResponseMessage> OpenAsync(CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(typed, UriKind.Absolute, out Uri? address))
            throw new ImageException(typed, "it is no valid address.");
        var visited = new HashSet<Uri>();
        while (visited.Add(address))
        {
            if (visited.Count > MaxRedirects)
                throw new ImageException(typed, $"it is redirected more than {MaxRedirects} times.");
            HttpResponseMessage response = await RequestAsync(address, cancellationToken);
            if (response.IsSuccessStatusCode)
                return response;
            using (response)
                address = Redirected(address, response);
        }

        throw new ImageException(typed, "its redirects lead in a circle.");
    }

    public void Dispose() => client.Dispose();

    private async Task<HttpResponseMessage> RequestAsync(Uri address, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        try
        {
            return await client.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException failure) when (failure.InnerException is ImageException refused)
        {
            throw refused;
        }
    }

    private Uri Redirected(Uri from, HttpResponseMessage response)
    {
        bool isRedirect =
            response.StatusCode
            is HttpStatusCode.MovedPermanently
                or HttpStatusCode.Found
                or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect
                or HttpStatusCode.PermanentRedirect;
        if (!isRedirect)
            throw new ImageException(typed, $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}.");
        if (response.Headers.Location is not { } location)
            throw new ImageException(typed, $"the server answered {(int)response.StatusCode} without saying where to go.");
        var to = new Uri(from, location);
        if (to.Scheme != Uri.UriSchemeHttp && to.Scheme != Uri.UriSchemeHttps)
            throw new ImageException(typed, $"it is redirected to an address that begins with {to.Scheme}:.");
        if (from.Scheme == Uri.UriSchemeHttps && to.Scheme == Uri.UriSchemeHttp)
            throw new ImageException(typed, "it is redirected from https to http.");
        // A proxy connects for us: then names that say it themselves are all that can be checked.
        beganLocally |= !isRedirected && LocalNetwork.HoldsName(from.Host);
        isRedirected = true;
        if (RefusesLocal && LocalNetwork.HoldsName(to.DnsSafeHost))
            throw Refused(to.DnsSafeHost);
        return to;
    }

    private bool RefusesLocal => isRedirected && !allowsLocal && !beganLocally;

    private ImageException Refused(string host) =>
        new(typed, $"it is redirected to {host} in this machine's own network: type that address, or use --allow-local-urls.");

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        string host = context.DnsEndPoint.Host;
        bool isProxy = !host.Equals(context.InitialRequestMessage.RequestUri!.DnsSafeHost, StringComparison.OrdinalIgnoreCase);
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(host, cancellationToken);
        if (RefusesLocal && !isProxy && addresses.Any(LocalNetwork.Holds))
            throw Refused(host);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            if (!isRedirected && !isProxy)
                beganLocally = socket.RemoteEndPoint is IPEndPoint { Address: { } reached } && LocalNetwork.Holds(reached);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
