using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tessera.Extensions.AI;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Tessera's models.</summary>
public static class TesseraServiceCollectionExtensions
{
    private const string LogCategory = "Tessera";

    /// <summary>
    /// Registers a model as <see cref="IChatClient"/> and as generator of embeddings of pictures. It is loaded on first use, once for both,
    /// and disposed with the container.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Says which model; null for the small one that comes with Tessera.</param>
    public static IServiceCollection AddTessera(this IServiceCollection services, Action<TesseraOptions>? configure = null) =>
        Add(services, null, configure);

    /// <summary>Registers a further model under a key; like <see cref="AddTessera"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="configure">Says which model; null for the small one that comes with Tessera.</param>
    public static IServiceCollection AddKeyedTessera(
        this IServiceCollection services,
        object serviceKey,
        Action<TesseraOptions>? configure = null
    )
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return Add(services, serviceKey, configure);
    }

    private static IServiceCollection Add(IServiceCollection services, object? key, Action<TesseraOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddKeyedSingleton(
            key,
            (provider, _) =>
            {
                var options = new TesseraOptions();
                configure?.Invoke(options);
                return new ModelHost(options, provider.GetService<ILoggerFactory>()?.CreateLogger(LogCategory) ?? NullLogger.Instance);
            }
        );
        services.AddKeyedSingleton<IChatClient>(
            key,
            (provider, _) =>
            {
                ModelHost host = provider.GetRequiredKeyedService<ModelHost>(key);
                return new TesseraChatClient(host.GetBackendAsync, () => host.Loaded, host.ModelId);
            }
        );
        services.AddKeyedSingleton<IEmbeddingGenerator<DataContent, Embedding<float>>>(
            key,
            (provider, _) =>
            {
                ModelHost host = provider.GetRequiredKeyedService<ModelHost>(key);
                return new TesseraImageEmbeddingGenerator(host.GetAsync, () => host.Loaded, host.ModelId);
            }
        );
        return services;
    }
}
