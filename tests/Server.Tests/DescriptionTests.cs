using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>The API's description says what there is.</summary>
public sealed class DescriptionTests
{
    private static readonly string[] Pages = ["/", "/docs", "/openapi.json", "/favicon.ico"];

    [Fact]
    public async Task Every_route_is_described_and_every_description_is_a_route()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { LoadsAtStart = false });
        using JsonDocument description = JsonDocument.Parse(await server.Http.GetStringAsync("/openapi.json"));
        IEnumerable<string> described = description
            .RootElement.GetProperty("paths")
            .EnumerateObject()
            .SelectMany(static path => path.Value.EnumerateObject().Select(method => $"{method.Name} {path.Name}"));
        IEnumerable<string> routes = server
            .Server.Services.GetRequiredService<EndpointDataSource>()
            .Endpoints.OfType<RouteEndpoint>()
            .Select(static route => (Path: route.RoutePattern.RawText!.Replace("**", "", StringComparison.Ordinal), Route: route))
            .Where(static route => !Pages.Contains(route.Path) && !route.Path.StartsWith("/assets/", StringComparison.Ordinal))
            .Select(static route => $"{MethodOf(route.Route)} {route.Path}");
        Assert.Equal(described.Order(), routes.Order());
    }

    [Fact]
    public async Task References_lead_somewhere()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { LoadsAtStart = false });
        string text = await server.Http.GetStringAsync("/openapi.json");
        using JsonDocument description = JsonDocument.Parse(text);
        JsonElement schemas = description.RootElement.GetProperty("components").GetProperty("schemas");
        string[] named =
        [
            .. text.Split("#/components/schemas/").Skip(1).Select(static rest => rest[..rest.IndexOf('"', StringComparison.Ordinal)]),
        ];
        Assert.NotEmpty(named);
        Assert.All(named, name => Assert.True(schemas.TryGetProperty(name, out _), name));
    }

    // Metrics are for whoever asks, in any way.
    private static string MethodOf(RouteEndpoint route) =>
        route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods[0].ToLowerInvariant() ?? "get";
}
