using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Tessera.Catalog;

/// <summary>
/// Asks servers for files: follows redirects without taking the token to another host, and never from https to http. Proxies are those
/// of the environment or the system.
/// </summary>
/// <param name="token">Proves who asks; sent only to the endpoints.</param>
/// <param name="endpoints">Who may see the token.</param>
internal sealed class WebSource(string? token, IReadOnlyList<Uri> endpoints) : IDisposable
{
    private const int MostRedirects = 10;
    private readonly HttpMessageInvoker client = new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(20),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        }
    );

    /// <summary>Asks for a file or a part of it.</summary>
    /// <param name="address">Where.</param>
    /// <param name="range">The first and the last byte; null for all.</param>
    /// <param name="validator">The version that is wanted, a strong ETag; null for any.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PullException">The server says no, or sends us in a circle.</exception>
    /// <exception cref="HttpRequestException">It cannot be reached.</exception>
    public async Task<WebAnswer> AskAsync(
        Uri address,
        (long First, long Last)? range,
        string? validator,
        CancellationToken cancellationToken
    )
    {
        Uri at = address;
        string? digest = null;
        for (int hop = 0; hop <= MostRedirects; hop++)
        {
            HttpResponseMessage response = await SendAsync(at, range, validator, cancellationToken).ConfigureAwait(false);
            digest ??= LinkedDigest(response);
            if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent)
                return new WebAnswer(response, digest);
            using (response)
            {
                Uri? next =
                    response.Headers.Location is { } location && (int)response.StatusCode is 301 or 302 or 303 or 307 or 308
                        ? response.Headers.Location
                        : null;
                if (next is null)
                    throw Refused(address, response);
                Uri to = new(at, next);
                if (to.Scheme is not ("http" or "https") || (at.Scheme == "https" && to.Scheme == "http"))
                    throw new PullException(
                        PullFailure.BadAnswer,
                        $"{Shown(address)}: the server sends us to an address that is not https."
                    );
                at = to;
            }
        }

        throw new PullException(PullFailure.BadAnswer, $"{Shown(address)}: it is redirected more than {MostRedirects} times.");
    }

    /// <summary>An address for people: without what may be secret in it.</summary>
    public static string Shown(Uri address) => address.GetLeftPart(UriPartial.Path);

    public void Dispose() => client.Dispose();

    private async Task<HttpResponseMessage> SendAsync(
        Uri at,
        (long First, long Last)? range,
        string? validator,
        CancellationToken cancellationToken
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, at);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("tessera", "1"));
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        if (range is { } part)
            request.Headers.Range = new RangeHeaderValue(part.First, part.Last);
        if (range is not null && validator is not null && EntityTagHeaderValue.TryParse(validator, out EntityTagHeaderValue? tag))
            request.Headers.IfRange = new RangeConditionHeaderValue(tag);
        if (token is not null && MaySeeToken(at))
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await client.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    private bool MaySeeToken(Uri at) =>
        (at.Scheme == "https" || at.IsLoopback)
        && endpoints.Any(endpoint => endpoint.Authority == at.Authority && endpoint.Scheme == at.Scheme);

    // The hub says the digest of a large file before it sends us on to where that is (huggingface/huggingface_hub, file_download.py).
    private static string? LinkedDigest(HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("X-Linked-ETag", out IEnumerable<string>? values))
            return null;
        string tag = values.First().Trim('"');
        return tag.Length == 64 && tag.All(char.IsAsciiHexDigit) ? tag.ToLowerInvariant() : null;
    }

    private static PullException Refused(Uri address, HttpResponseMessage response) =>
        (int)response.StatusCode switch
        {
            401 or 403 => new PullException(
                PullFailure.NotAllowed,
                $"{Shown(address)}: the server does not let us have it ({(int)response.StatusCode}): "
                    + "accept the model's terms there and set HF_TOKEN to a token of yours."
            ),
            404 or 410 => new PullException(
                PullFailure.NotFound,
                $"{Shown(address)}: the server has no such file ({(int)response.StatusCode})."
            ),
            408 or 429 or >= 500 => new BusyException(address, response),
            _ => new PullException(PullFailure.BadAnswer, $"{Shown(address)}: the server answered {(int)response.StatusCode}."),
        };
}

/// <summary>A server that asks to be asked later.</summary>
internal sealed class BusyException(Uri address, HttpResponseMessage response)
    : PullException(PullFailure.Unreachable, $"{WebSource.Shown(address)}: the server answered {(int)response.StatusCode}.")
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    /// <summary>How long it asks to be left alone; at most a minute.</summary>
    public TimeSpan RetryAfter { get; } =
        response.Headers.RetryAfter?.Delta is { } wait && wait > TimeSpan.Zero ? (wait < LongestWait ? wait : LongestWait) : TimeSpan.Zero;
}

/// <summary>A server's answer, its content still to be read.</summary>
internal sealed class WebAnswer(HttpResponseMessage response, string? digest) : IDisposable
{
    public bool IsPart => response.StatusCode == HttpStatusCode.PartialContent;

    /// <summary>The file's SHA-256, where the hub says it.</summary>
    public string? Digest => digest;

    /// <summary>The whole file's length, or null.</summary>
    public long? TotalLength => IsPart ? response.Content.Headers.ContentRange?.Length : response.Content.Headers.ContentLength;

    /// <summary>The first byte that it brings.</summary>
    public long First => IsPart ? response.Content.Headers.ContentRange?.From ?? -1 : 0;

    /// <summary>A strong ETag, or null.</summary>
    public string? Validator => response.Headers.ETag is { IsWeak: false } tag ? tag.Tag : null;

    public Task<Stream> OpenAsync(CancellationToken cancellationToken) => response.Content.ReadAsStreamAsync(cancellationToken);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(int)response.StatusCode}, {TotalLength} bytes");

    public void Dispose() => response.Dispose();
}
