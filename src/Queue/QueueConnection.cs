using System.Net.Sockets;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using NATS.Client.ObjectStore;

namespace Tessera.Queue;

/// <summary>A NATS server with JetStream, and on it the streams of Tessera's queue. What fails while the server is away is tried again,
/// until it has been away for too long.</summary>
public sealed class QueueConnection : IAsyncDisposable
{
    private const int NoStream = 404;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private readonly NatsConnection connection;
    private readonly TimeSpan patience;
    private readonly string name;

    private QueueConnection(NatsConnection connection, string name, TimeSpan patience)
    {
        (this.connection, this.name, this.patience) = (connection, name, patience);
        JetStream = new NatsJSContext(connection);
        Objects = new NatsObjContext(JetStream);
    }

    /// <summary>How long the server may be away.</summary>
    public static readonly TimeSpan UsualPatience = TimeSpan.FromMinutes(10);

    internal NatsJSContext JetStream { get; }

    internal NatsObjContext Objects { get; }

    /// <summary>The most bytes of a message.</summary>
    internal int MaxPayload => connection.ServerInfo?.MaxPayload ?? 1 << 20;

    /// <summary>Told when the server is away, and when it is back.</summary>
    public event Action<string>? Noted;

    /// <summary>Connects, and makes the streams where there are none.</summary>
    /// <param name="url">nats://host:port or tls://host:port, with user:password@ or token@ where the server wants it.</param>
    /// <param name="credentialsFile">A file of NATS credentials; null for none.</param>
    /// <param name="patience">How long the server may be away; null for <see cref="UsualPatience"/>.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="TesseraException">The server does not answer, refuses, or has no JetStream.</exception>
    public static async Task<QueueConnection> OpenAsync(
        Uri url,
        string? credentialsFile = null,
        TimeSpan? patience = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(url);
        // User and password are nobody's business.
        string name = url.GetComponents(UriComponents.Scheme | UriComponents.HostAndPort, UriFormat.UriEscaped);
        var connection = new NatsConnection(
            new NatsOpts
            {
                Url = url.OriginalString,
                Name = "tessera",
                AuthOpts = new NatsAuthOpts { CredsFile = credentialsFile },
                ConnectTimeout = TimeSpan.FromSeconds(5),
                RequestTimeout = TimeSpan.FromSeconds(5),
                CommandTimeout = TimeSpan.FromSeconds(5),
                MaxReconnectRetry = -1,
                ReconnectWaitMin = TimeSpan.FromMilliseconds(100),
                ReconnectWaitMax = TimeSpan.FromSeconds(1),
            }
        );
        var queue = new QueueConnection(connection, name, patience ?? UsualPatience);
        try
        {
            await connection.ConnectAsync().AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
            await queue.EnsureStreamsAsync(cancellationToken).ConfigureAwait(false);
            return queue;
        }
        catch (NatsJSException failure)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw new TesseraException(
                $"{name}: the server has no JetStream that can be used ({failure.Message.TrimEnd('.')}): start it with -js.",
                failure
            );
        }
        catch (Exception failure) when (IsOfServer(failure) || failure is UnauthorizedAccessException)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw new TesseraException($"{name}: no NATS server answers there ({Reason(failure)}).", failure);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Does something, again and again while the server is away.</summary>
    /// <exception cref="TesseraException">It is away for too long, or refuses.</exception>
    internal async Task<T> PersistAsync<T>(Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        long began = System.Diagnostics.Stopwatch.GetTimestamp();
        for (bool wasAway = false; ; wasAway = true)
        {
            try
            {
                if (wasAway)
                    await EnsureStreamsAsync(cancellationToken).ConfigureAwait(false);
                T result = await action(cancellationToken).ConfigureAwait(false);
                if (wasAway)
                    Noted?.Invoke($"{name}: the server is back.");
                return result;
            }
            catch (Exception failure) when (MayPass(failure, cancellationToken))
            {
                if (System.Diagnostics.Stopwatch.GetElapsedTime(began) > patience)
                    throw new TesseraException($"{name}: the server has been away for too long ({Reason(failure)}).", failure);
                if (!wasAway)
                    Noted?.Invoke($"{name}: the server is away ({Reason(failure)}); trying again.");
                await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
            }
            catch (NatsException failure)
            {
                throw new TesseraException($"{name}: the server refuses ({Reason(failure)}).", failure);
            }
        }
    }

    /// <summary>Closes the connection.</summary>
    public ValueTask DisposeAsync() => connection.DisposeAsync();

    private async Task EnsureStreamsAsync(CancellationToken cancellationToken)
    {
        await EnsureAsync(new StreamConfig(QueueNames.WorkStream, [QueueNames.AllWork]) { Retention = StreamConfigRetention.Workqueue })
            .ConfigureAwait(false);
        await EnsureAsync(
                new StreamConfig(QueueNames.ResultStream, [QueueNames.AllResults])
                {
                    Retention = StreamConfigRetention.Workqueue,
                    AllowDirect = true,
                }
            )
            .ConfigureAwait(false);
        await EnsureAsync(new StreamConfig(QueueNames.JobStream, [QueueNames.AllJobs]) { MaxMsgsPerSubject = 1, AllowDirect = true })
            .ConfigureAwait(false);

        // What an administrator has changed, as the number of replicas, stays.
        async Task EnsureAsync(StreamConfig config)
        {
            try
            {
                await JetStream.GetStreamAsync(config.Name!, null, cancellationToken).ConfigureAwait(false);
            }
            catch (NatsJSApiException failure) when (failure.Error.Code == NoStream)
            {
                config.Storage = StreamConfigStorage.File;
                await JetStream.CreateOrUpdateStreamAsync(config, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static bool MayPass(Exception failure, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested
        && (
            failure is OperationCanceledException or NatsJSApiException { Error.Code: NoStream or 503 or 500 }
            || IsOfServer(failure) && failure is not (NatsJSApiException or NatsServerException { IsAuthError: true })
        );

    private static bool IsOfServer(Exception failure) =>
        failure is NatsException or IOException or SocketException or TimeoutException or ObjectDisposedException;

    private static string Reason(Exception failure) => (failure.GetBaseException() ?? failure).Message.TrimEnd('.', ' ');
}
