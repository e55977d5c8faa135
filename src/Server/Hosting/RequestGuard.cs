using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Tessera.Shared;

namespace Tessera.Server.Hosting;

/// <summary>
/// Who may ask. Pages of other web sites may not, which browsers would let send requests; nor may names that were made to lead here (DNS
/// rebinding): a server that listens to its own machine only is called by that machine's names. With a key, whoever has it may.
/// </summary>
/// <param name="options">What is allowed.</param>
internal sealed class RequestGuard(ServerOptions options)
{
    private static readonly string[] Open = ["/health", "/ready", "/", "/docs", "/openapi.json"];
    private readonly byte[]? key = options.ApiKey is { Length: > 0 } text ? Digest(text) : null;
    private readonly bool isLocal =
        options.Host == "localhost" || (IPAddress.TryParse(options.Host, out IPAddress? host) && IPAddress.IsLoopback(host));

    /// <summary>Refuses a request, answers a browser's question whether it may ask, or lets it pass.</summary>
    /// <returns>Whether it may go on.</returns>
    /// <exception cref="ApiException">It may not.</exception>
    public bool Admits(HttpContext context)
    {
        HttpRequest request = context.Request;
        if (isLocal && !LocalNetwork.HoldsName(request.Host.Host.Trim('[', ']')))
            throw new ApiException(403, "This server answers to localhost only.", code: "wrong_host");
        if (!AdmitsOrigin(context))
            throw new ApiException(403, "This server does not answer to pages of other web sites.", code: "wrong_origin");
        if (HttpMethods.IsOptions(request.Method) && request.Headers.ContainsKey(HeaderNames.AccessControlRequestMethod))
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return false;
        }

        bool isOpen = Open.Contains(request.Path.Value) || request.Path.StartsWithSegments("/assets", StringComparison.Ordinal);
        if (key is not null && !isOpen && !HasKey(request))
            throw new ApiException(
                401,
                "The API key is missing or wrong: send it as 'Authorization: Bearer KEY'.",
                code: "invalid_api_key"
            );
        return true;
    }

    private bool AdmitsOrigin(HttpContext context)
    {
        string? origin = context.Request.Headers.Origin;
        if (string.IsNullOrEmpty(origin) || origin == $"{context.Request.Scheme}://{context.Request.Host}")
            return true;
        if (!options.Origins.Any(allowed => allowed == "*" || allowed.TrimEnd('/').Equals(origin, StringComparison.OrdinalIgnoreCase)))
            return false;
        IHeaderDictionary headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = origin;
        headers.Vary = HeaderNames.Origin;
        headers.AccessControlAllowHeaders = "authorization, content-type, x-api-key";
        headers.AccessControlAllowMethods = "GET, POST";
        return true;
    }

    // Compared by digests: how long it takes says nothing of the key.
    private bool HasKey(HttpRequest request)
    {
        const string Scheme = "Bearer ";
        string? header = request.Headers.Authorization;
        string? sent =
            header?.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) == true
                ? header[Scheme.Length..].Trim()
                : (string?)request.Headers["x-api-key"];
        return sent is not null && CryptographicOperations.FixedTimeEquals(Digest(sent), key);
    }

    private static byte[] Digest(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
