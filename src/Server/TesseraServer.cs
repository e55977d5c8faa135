using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.Look;
using Tessera.Server.Models;
using Tessera.Server.Ollama;
using Tessera.Server.OpenAi;
using Tessera.Server.Pictures;

namespace Tessera.Server;

/// <summary>Answers over HTTP, as OpenAI's and Ollama's servers do, and shows a page to talk to.</summary>
public sealed class TesseraServer : IAsyncDisposable
{
    private const int MaxConnections = 4096;
    private readonly WebApplication app;
    private readonly ServerOptions options;
    private readonly Readiness readiness;

    private TesseraServer(WebApplication app, ServerOptions options)
    {
        (this.app, this.options) = (app, options);
        readiness = app.Services.GetRequiredService<Readiness>();
    }

    /// <summary>Where it listens.</summary>
    public IReadOnlyList<string> Addresses =>
        [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];

    internal IServiceProvider Services => app.Services;

    /// <summary>Starts to listen, and to load the first model.</summary>
    /// <param name="options">What is served.</param>
    /// <param name="logging">Takes what is worth telling; null for nobody.</param>
    /// <param name="cancellationToken">Stops the starting.</param>
    /// <exception cref="TesseraException">The address cannot be used, or the first model cannot be loaded.</exception>
    public static async Task<TesseraServer> StartAsync(
        ServerOptions options,
        ILoggerProvider? logging = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        var server = new TesseraServer(Build(options, logging), options);
        try
        {
            await server.app.StartAsync(cancellationToken).ConfigureAwait(false);
            await server.LoadAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch (Exception failure) when (failure is IOException or SocketException)
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw new TesseraException($"{options.Host}:{options.Port} cannot be listened at: {failure.Message}", failure);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Refuses new requests, lets answers go on for <see cref="ServerOptions.ShutdownTimeout"/>, and ends those that are left with
    /// an error.</summary>
    public async Task StopAsync()
    {
        readiness.IsReady = false;
        AnswerDesk desk = app.Services.GetRequiredService<AnswerDesk>();
        using var limit = new CancellationTokenSource();
        using CancellationTokenRegistration end = limit.Token.Register(desk.StopAnswers);
        limit.CancelAfter(options.ShutdownTimeout);
        using var whole = new CancellationTokenSource(options.ShutdownTimeout + options.StopTime);
        await app.StopAsync(whole.Token).ConfigureAwait(false);
    }

    /// <summary>Ends everything at once and frees the models.</summary>
    public async ValueTask DisposeAsync() => await app.DisposeAsync().ConfigureAwait(false);

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        ModelShelf shelf = app.Services.GetRequiredService<ModelShelf>();
        if (options.LoadsAtStart && shelf.Served.Count > 0)
            (await shelf.LeaseAsync(null, null, cancellationToken).ConfigureAwait(false)).Dispose();
        readiness.IsReady = true;
    }

    // Nothing but what is named here: no settings from files or variables of the folder that it happens to start in.
    private static WebApplication Build(ServerOptions options, ILoggerProvider? logging)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(
            new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory }
        );
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, options));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.ShutdownTimeout + options.StopTime);
        builder.Services.AddRoutingCore();
        if (logging is not null)
            builder
                .Logging.AddProvider(logging)
                .AddFilter("Microsoft", LogLevel.Warning)
                // What keeps it from starting is thrown.
                .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        AddServices(builder.Services, options);
        Telemetry.Add(builder.Services, builder.Configuration);
        WebApplication app = builder.Build();
        RequestGuard guard = app.Services.GetRequiredService<RequestGuard>();
        app.Use(static (context, next) => ApiErrors.RunAsync(context, next));
        app.Use((context, next) => guard.Admits(context) ? next(context) : Task.CompletedTask);
        app.UseRouting();
        Endpoints.Map(app);
        return app;
    }

    private static void Configure(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        KestrelServerLimits limits = kestrel.Limits;
        limits.MaxRequestBodySize = options.MaxBodyBytes;
        limits.MaxConcurrentConnections = MaxConnections;
        limits.MaxRequestLineSize = 8 << 10;
        limits.MaxRequestHeadersTotalSize = 32 << 10;
        limits.MaxRequestHeaderCount = 100;
        // Whoever sends or reads drop by drop keeps a connection for no longer than this.
        limits.RequestHeadersTimeout = options.RequestPatience;
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
        var least = new MinDataRate(options.LeastBytesPerSecond, options.RequestPatience);
        (limits.MinRequestBodyDataRate, limits.MinResponseDataRate) = (least, least);
        if (options.Host == "localhost")
            kestrel.ListenLocalhost(options.Port);
        else
            kestrel.Listen(
                IPAddress.TryParse(options.Host, out IPAddress? address)
                    ? address
                    : throw new TesseraException($"'{options.Host}' is no IP address to listen at, such as 127.0.0.1 or 0.0.0.0."),
                options.Port
            );
    }

    private static void AddServices(IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<Readiness>();
        services.AddSingleton<ServerMetrics>();
        services.AddSingleton<RequestGuard>();
        services.AddSingleton<RequestBody>();
        services.AddSingleton<ModelShelf>();
        services.AddSingleton<AnswerDesk>();
        services.AddSingleton<PictureReader>();
        services.AddSingleton<MessageFields>();
        services.AddSingleton<EmbeddingInputs>();
        services.AddSingleton<ChatCompletionsEndpoint>();
        services.AddSingleton<ResponsesEndpoint>();
        services.AddSingleton<EmbeddingsEndpoint>();
        services.AddSingleton<ModelsEndpoint>();
        services.AddSingleton<LookEndpoint>();
        services.AddSingleton<OllamaAnswers>();
        services.AddSingleton<OllamaModels>();
        services.AddSingleton<OllamaPull>();
        services.AddSingleton<OllamaEmbedEndpoint>();
    }
}
