using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tessera;
using Tessera.Extensions.AI;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Tessera's models.</summary>
public static class TesseraServiceCollectionExtensions
{
    private const string LogCategory = "Tessera";

    /// <summary>
    /// Registers a model as <see cref="MultimodalModel"/>, <see cref="TesseraChatClient"/> and
    /// <see cref="TesseraImageEmbeddingGenerator"/>, all singletons. It is loaded on first use, once for all of them, and disposed with the
    /// container; who asks for <see cref="MultimodalModel"/> waits until it is loaded. The client and the generator are registered as
    /// <see cref="IChatClient"/> and <see cref="IEmbeddingGenerator{DataContent, Embedding}"/> where nothing else is.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Says which model; null where <see cref="TesseraOptions"/> are configured elsewhere.</param>
    /// <remarks>Options without a model fail with <see cref="OptionsValidationException"/>, under a host when it starts.</remarks>
    public static IServiceCollection AddTessera(this IServiceCollection services, Action<TesseraOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        Add(services, null).Configure(configure ?? NothingMore);
        return services;
    }

    /// <summary>Registers the model that a section of the configuration names; otherwise as the method that takes a delegate.</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">Holds <see cref="TesseraOptions"/>, with the model's files in <c>Model:ModelPath</c> and
    /// <c>Model:ProjectorPath</c>.</param>
    public static IServiceCollection AddTessera(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        Add(services, null).Configure(options => TesseraConfiguration.Bind(section, options));
        return services;
    }

    /// <summary>Registers a further model under a key, which is also the name of its options.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="configure">Says which model; null where the options of that name are configured elsewhere.</param>
    /// <inheritdoc cref="AddTessera(IServiceCollection, Action{TesseraOptions}?)" path="/remarks"/>
    public static IServiceCollection AddKeyedTessera(
        this IServiceCollection services,
        string serviceKey,
        Action<TesseraOptions>? configure = null
    )
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        Add(services, serviceKey).Configure(configure ?? NothingMore);
        return services;
    }

    /// <summary>Registers a further model that a section of the configuration names under a key.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="section">Holds <see cref="TesseraOptions"/>.</param>
    public static IServiceCollection AddKeyedTessera(this IServiceCollection services, string serviceKey, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        ArgumentNullException.ThrowIfNull(section);
        Add(services, serviceKey).Configure(options => TesseraConfiguration.Bind(section, options));
        return services;
    }

    private static void NothingMore(TesseraOptions options) { }

    private static OptionsBuilder<TesseraOptions> Add(IServiceCollection services, string? key)
    {
        services.TryAddKeyedSingleton(key, (provider, _) => CreateHost(provider, key));
        services.TryAddKeyedSingleton(
            key,
            (provider, _) => provider.GetRequiredKeyedService<ModelHost>(key).GetAsync(CancellationToken.None).GetAwaiter().GetResult()
        );
        services.TryAddKeyedSingleton(
            key,
            (provider, _) =>
            {
                ModelHost host = provider.GetRequiredKeyedService<ModelHost>(key);
                return new TesseraChatClient(host.GetBackendAsync, () => host.Loaded, host.ModelId, null, host.AllowsFileUris);
            }
        );
        services.TryAddKeyedSingleton(
            key,
            (provider, _) =>
            {
                ModelHost host = provider.GetRequiredKeyedService<ModelHost>(key);
                return new TesseraImageEmbeddingGenerator(host.GetAsync, () => host.Loaded, host.ModelId);
            }
        );
        services.TryAddKeyedSingleton<IChatClient>(key, (provider, _) => provider.GetRequiredKeyedService<TesseraChatClient>(key));
        services.TryAddKeyedSingleton<IEmbeddingGenerator<DataContent, Embedding<float>>>(
            key,
            (provider, _) => provider.GetRequiredKeyedService<TesseraImageEmbeddingGenerator>(key)
        );
        return services
            .AddOptions<TesseraOptions>(key)
            .Validate(static options => options.Model is not null, Missing(key, nameof(TesseraOptions.Model)))
            .Validate(
                static options => options.Model is null || !string.IsNullOrEmpty(options.Model.ModelPath),
                Missing(key, $"{nameof(TesseraOptions.Model)}.{nameof(ModelOptions.ModelPath)}")
            )
            .ValidateOnStart();
    }

    private static string Missing(string? key, string setting)
    {
        string model = key is null ? "" : $" for {key}";
        return $"{nameof(TesseraOptions)}.{setting} is not set{model}: name the model's file, in code or in the configuration.";
    }

    private static ModelHost CreateHost(IServiceProvider provider, string? key) =>
        new(
            provider.GetRequiredService<IOptionsMonitor<TesseraOptions>>().Get(key),
            provider.GetService<ILoggerFactory>()?.CreateLogger(LogCategory) ?? NullLogger.Instance
        );
}
