using System.Net;
using System.Net.Http.Headers;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Who may ask.</summary>
public sealed class GuardTests
{
    [Fact]
    public async Task Without_the_key_only_the_page_and_health_answer()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { ApiKey = "secret", LoadsAtStart = false });
        foreach (string path in (string[])["/", "/health", "/ready", "/docs", "/openapi.json", "/assets/app.js"])
            Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(path)).StatusCode);
        foreach (string path in (string[])["/v1/models", "/api/tags", "/metrics", "/none"])
        {
            using HttpResponseMessage refused = await server.Http.GetAsync(path);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.ToString());
        }

        foreach (
            (string key, HttpStatusCode status) in ((string, HttpStatusCode)[])
                [("wrong", HttpStatusCode.Unauthorized), ("secret", HttpStatusCode.OK)]
        )
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            Assert.Equal(status, (await server.Http.SendAsync(request)).StatusCode);
        }
    }

    [Fact]
    public async Task Pages_of_other_sites_and_other_names_are_refused()
    {
        ServerOptions options = TinyServer.Options with { Origins = ["http://friend.example"], LoadsAtStart = false };
        await using TinyServer server = await TinyServer.StartAsync(options);
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(server, "Origin", "http://evil.example"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(server, "Origin", "null"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(server, "Host", "rebound.example"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(server, "Origin", server.Address.GetLeftPart(UriPartial.Authority)));
        using var asked = new HttpRequestMessage(HttpMethod.Options, "/v1/chat/completions");
        asked.Headers.Add("Origin", "http://friend.example");
        asked.Headers.Add("Access-Control-Request-Method", "POST");
        using HttpResponseMessage allowed = await server.Http.SendAsync(asked);
        Assert.Equal(HttpStatusCode.NoContent, allowed.StatusCode);
        Assert.Equal("http://friend.example", allowed.Headers.GetValues("Access-Control-Allow-Origin").Single());
    }

    private static async Task<HttpStatusCode> StatusAsync(TinyServer server, string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.TryAddWithoutValidation(header, value);
        using HttpResponseMessage response = await server.Http.SendAsync(request);
        return response.StatusCode;
    }
}
