using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Tessera.Server.Web;

/// <summary>The page and its files, which are in the program. Nothing on it comes from elsewhere, and no script runs that is not
/// one of them.</summary>
internal static class WebFiles
{
    private const string Prefix = "web/";
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    private static readonly FrozenDictionary<string, WebFile> Files = Load();

    /// <summary>Maps the page, the API's description and its page, and what they use.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        MapFile(routes, "/", "index.html");
        MapFile(routes, "/docs", "docs.html");
        MapFile(routes, "/openapi.json", "openapi.json");
        MapFile(routes, "/favicon.ico", "icon.svg");
        foreach (string name in Files.Keys)
            MapFile(routes, $"/assets/{name}", name);
    }

    /// <summary>A file's text.</summary>
    public static byte[] Read(string name) => Files[name].Content;

    private static void MapFile(IEndpointRouteBuilder routes, string path, string name) =>
        routes.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], context => SendAsync(context, Files[name]));

    private static async Task SendAsync(HttpContext context, WebFile file)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.ETag = file.Tag;
        headers.CacheControl = "no-cache";
        if (context.Request.Headers.IfNoneMatch == file.Tag)
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = file.Type;
        context.Response.ContentLength = file.Content.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(file.Content, context.RequestAborted);
    }

    private static FrozenDictionary<string, WebFile> Load()
    {
        System.Reflection.Assembly assembly = typeof(WebFiles).Assembly;
        return assembly
            .GetManifestResourceNames()
            .Where(static name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(
                static name => name[Prefix.Length..],
                name =>
                {
                    using Stream stream = assembly.GetManifestResourceStream(name)!;
                    var content = new byte[stream.Length];
                    stream.ReadExactly(content);
                    return new WebFile(content, TypeOf(name), $"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"");
                }
            );
    }

    private static string TypeOf(string name) =>
        Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".svg" => "image/svg+xml",
            ".json" => "application/json",
            _ => "application/octet-stream",
        };

    private sealed record WebFile(byte[] Content, string Type, string Tag);
}
