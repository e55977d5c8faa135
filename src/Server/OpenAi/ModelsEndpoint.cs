using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tessera.Server.Json;
using Tessera.Server.Models;

namespace Tessera.Server.OpenAi;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>.</summary>
internal sealed class ModelsEndpoint(ModelShelf shelf)
{
    public Task ListAsync(HttpContext context) =>
        Documents.WriteAsync(context, new ModelList("list", [.. shelf.Served.Select(Entry)]), ServerJson.Plain.ModelList);

    public Task GetAsync(HttpContext context) =>
        Documents.WriteAsync(context, Entry(shelf.Find((string?)context.GetRouteValue("id"))), ServerJson.Plain.ModelEntry);

    private static ModelEntry Entry(ServedModel model)
    {
        var file = new FileInfo(model.Files.ModelPath);
        long created = file.Exists ? new DateTimeOffset(file.LastWriteTimeUtc).ToUnixTimeSeconds() : 0;
        return new ModelEntry(model.Name, "model", created, "tessera");
    }
}
