using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tessera.Server.Json;
using Tessera.Server.Look;
using Tessera.Server.Ollama;
using Tessera.Server.OpenAi;
using Tessera.Server.Web;

namespace Tessera.Server.Hosting;

/// <summary>The table of what can be asked for.</summary>
internal static class Endpoints
{
    public static void Map(WebApplication app)
    {
        MapOpenAi(app);
        MapOllama(app);
        app.MapPost("/v1/look", Of<LookEndpoint>(static (endpoint, context) => endpoint.HandleAsync(context)));
        app.MapGet("/health", static context => HealthAsync(context, 200, "ok"));
        app.MapGet(
            "/ready",
            static context =>
                context.RequestServices.GetRequiredService<Readiness>().IsReady
                    ? HealthAsync(context, 200, "ready")
                    : HealthAsync(context, 503, "not ready")
        );
        app.MapPrometheusScrapingEndpoint("/metrics");
        WebFiles.Map(app);
    }

    private static void MapOpenAi(WebApplication app)
    {
        app.MapPost("/v1/chat/completions", Of<ChatCompletionsEndpoint>(static (endpoint, context) => endpoint.HandleAsync(context)));
        app.MapPost("/v1/responses", Of<ResponsesEndpoint>(static (endpoint, context) => endpoint.HandleAsync(context)));
        app.MapPost("/v1/embeddings", Of<EmbeddingsEndpoint>(static (endpoint, context) => endpoint.HandleAsync(context)));
        app.MapGet("/v1/models", Of<ModelsEndpoint>(static (endpoint, context) => endpoint.ListAsync(context)));
        app.MapGet("/v1/models/{**id}", Of<ModelsEndpoint>(static (endpoint, context) => endpoint.GetAsync(context)));
    }

    private static void MapOllama(WebApplication app)
    {
        app.MapPost("/api/chat", Of<OllamaAnswers>(static (endpoint, context) => endpoint.ChatAsync(context)));
        app.MapPost("/api/generate", Of<OllamaAnswers>(static (endpoint, context) => endpoint.GenerateAsync(context)));
        app.MapGet("/api/tags", Of<OllamaModels>(static (endpoint, context) => endpoint.TagsAsync(context)));
        app.MapGet("/api/ps", Of<OllamaModels>(static (endpoint, context) => endpoint.RunningAsync(context)));
        app.MapPost("/api/show", Of<OllamaModels>(static (endpoint, context) => endpoint.ShowAsync(context)));
        app.MapPost("/api/pull", Of<OllamaPull>(static (endpoint, context) => endpoint.HandleAsync(context)));
        app.MapPost("/api/embed", Of<OllamaEmbedEndpoint>(static (endpoint, context) => endpoint.EmbedAsync(context)));
        app.MapPost("/api/embeddings", Of<OllamaEmbedEndpoint>(static (endpoint, context) => endpoint.OldAsync(context)));
        app.MapGet("/api/version", static context => Documents.WriteAsync(context, Version, ServerJson.Plain.OllamaVersion));
    }

    private static OllamaVersion Version => new(OllamaVersion.Followed, typeof(MultimodalModel).Assembly.GetName().Version!.ToString(3));

    private static Task HealthAsync(HttpContext context, int status, string word)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        return Documents.WriteAsync(context, new HealthDocument(word), ServerJson.Plain.HealthDocument);
    }

    private static RequestDelegate Of<T>(Func<T, HttpContext, Task> handle)
        where T : notnull => context => handle(context.RequestServices.GetRequiredService<T>(), context);
}
