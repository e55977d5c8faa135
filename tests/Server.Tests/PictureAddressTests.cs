using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Pictures that requests only name: from allowed hosts and folders, and from nowhere else.</summary>
public sealed class PictureAddressTests : IAsyncLifetime
{
    private WebApplication? host;

    private string Base => host!.Urls.First();

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        host = builder.Build();
        host.UseRouting();
        host.MapGet("/shapes.png", static context => context.Response.Body.WriteAsync(TinyServer.Sample("shapes.png")).AsTask());
        host.MapGet("/to/{**where}", (RequestDelegate)(context => Redirect(context, context.Request.QueryString.Value![1..])));
        host.MapGet("/page", static context => context.Response.WriteAsync("<html>"));
        await host.StartAsync();
    }

    public async Task DisposeAsync() => await host!.DisposeAsync();

    [Fact]
    public async Task An_allowed_host_is_fetched_from_and_its_redirects_are_checked()
    {
        ServerOptions options = TinyServer.Options with { PictureHosts = ["127.0.0.1"], AllowsLocalPictures = true };
        await using TinyServer server = await TinyServer.StartAsync(options);
        Assert.Equal(200, (await AskAsync(server, $"{Base}/shapes.png")).Status);
        Assert.Equal(200, (await AskAsync(server, $"{Base}/to/x?{Base}/shapes.png")).Status);
        foreach (string elsewhere in (string[])["http://localhost:1/a.png", "file:///etc/passwd", "http://[::1]:1/", "gopher://127.0.0.1/"])
            await AssertRefusedAsync(server, $"{Base}/to/x?{elsewhere}");
        await AssertRefusedAsync(server, $"{Base}/page");
        await AssertRefusedAsync(server, $"{Base}/none");
        await AssertRefusedAsync(server, $"{Base}/to/x?{Base}/to/x?{Base}/to/x");
        await AssertRefusedAsync(server, "http://example.org/a.png");
    }

    [Fact]
    public async Task The_machines_own_network_is_closed_unless_it_is_opened()
    {
        await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { PictureHosts = ["*"] });
        string port = new Uri(Base).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        foreach (
            string name in (string[])
                ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0", "169.254.169.254"]
        )
        {
            string message = await AssertRefusedAsync(server, $"http://{name}:{port}/shapes.png");
            Assert.Contains("own network", message, StringComparison.Ordinal);
        }

        // A name that leads here by its name server only, where there is one.
        if (await OwnAddressesAsync() is { Length: > 0 } own && own.All(Shared.LocalNetwork.Holds))
            Assert.Contains(
                "own network",
                await AssertRefusedAsync(server, $"http://{Dns.GetHostName()}:{port}/shapes.png"),
                StringComparison.Ordinal
            );
    }

    [Fact]
    public async Task Files_are_read_from_the_allowed_folder_only()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-serve-");
        try
        {
            string allowed = folder.CreateSubdirectory("allowed").FullName,
                beside = Path.Combine(folder.FullName, "secret.png"),
                inside = Path.Combine(allowed, "shapes.png");
            await File.WriteAllBytesAsync(inside, TinyServer.Sample("shapes.png"));
            await File.WriteAllBytesAsync(beside, TinyServer.Sample("shapes.png"));
            if (!OperatingSystem.IsWindows())
                File.CreateSymbolicLink(Path.Combine(allowed, "link.png"), beside);
            await using TinyServer server = await TinyServer.StartAsync(TinyServer.Options with { PictureFolder = allowed });
            Assert.Equal(200, (await AskAsync(server, new Uri(inside).AbsoluteUri)).Status);
            await AssertRefusedAsync(server, new Uri(beside).AbsoluteUri);
            await AssertRefusedAsync(server, new Uri(Path.Combine(allowed, "link.png")).AbsoluteUri);
            await AssertRefusedAsync(server, new Uri(allowed).AbsoluteUri + "/../secret.png");
            await AssertRefusedAsync(server, new Uri(allowed).AbsoluteUri + "/%2e%2e/secret.png");
            await AssertRefusedAsync(server, new Uri(allowed).AbsoluteUri);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<IPAddress[]> OwnAddressesAsync()
    {
        try
        {
            return await Dns.GetHostAddressesAsync(Dns.GetHostName());
        }
        catch (SocketException)
        {
            return [];
        }
    }

    private static Task Redirect(HttpContext context, string where)
    {
        context.Response.Redirect(where);
        return Task.CompletedTask;
    }

    private static Task<(int Status, JsonElement Body)> AskAsync(TinyServer server, string address) =>
        server.PostAsync(
            "/v1/chat/completions",
            TinyServer.Request().Replace(TinyServer.DataUri("shapes.png"), address, StringComparison.Ordinal)
        );

    private static async Task<string> AssertRefusedAsync(TinyServer server, string address)
    {
        (int status, JsonElement body) = await AskAsync(server, address);
        Assert.True(status == 400, $"{address}: {status} {body}");
        return body.GetProperty("error").GetProperty("message").GetString()!;
    }
}
