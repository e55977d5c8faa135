using System.Collections.Concurrent;
using System.Net;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>What goes to a collector that OpenTelemetry's variables name.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task Metrics_and_traces_go_to_the_collector_that_is_named()
    {
        using HttpListener collector = Listen(out string address);
        var received = new ConcurrentDictionary<string, string>();
        Task listening = ListenAsync(collector, received);
        bool Has(string path, string word) => received.TryGetValue(path, out string? text) && text.Contains(word, StringComparison.Ordinal);
        await using (TinyServer server = await StartAsync(address))
        {
            Assert.Equal(200, (await server.PostAsync("/v1/chat/completions", TinyServer.Request())).Status);
            // A request's trace ends after its answer.
            await Patience.UntilAsync(() => Has("/v1/traces", "/v1/chat/completions"), "the request's trace");
            await Patience.UntilAsync(() => Has("/v1/metrics", "tessera.answers"), "the metrics");
        }

        collector.Stop();
        await listening;
        Assert.Contains("tessera.answers", received["/v1/metrics"], StringComparison.Ordinal);
        Assert.Contains("gen_ai", received["/v1/metrics"], StringComparison.Ordinal);
        Assert.Contains("/v1/chat/completions", received["/v1/traces"], StringComparison.Ordinal);
        Assert.Contains("gen_ai.request.model", received["/v1/traces"], StringComparison.Ordinal);
        Assert.Contains("blue-machine", received["/v1/traces"], StringComparison.Ordinal);
    }

    // Variables of the whole process, so only while a server starts.
    private static async Task<TinyServer> StartAsync(string address)
    {
        (string Name, string Value)[] variables =
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", address),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "300000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
            ("OTEL_RESOURCE_ATTRIBUTES", "host.name=blue-machine"),
        ];
        foreach ((string name, string value) in variables)
            Environment.SetEnvironmentVariable(name, value);
        try
        {
            return await TinyServer.StartAsync(TinyServer.Options);
        }
        finally
        {
            foreach ((string name, _) in variables)
                Environment.SetEnvironmentVariable(name, null);
        }
    }

    private static async Task ListenAsync(HttpListener collector, ConcurrentDictionary<string, string> received)
    {
        try
        {
            while (true)
            {
                HttpListenerContext context = await collector.GetContextAsync();
                using var reader = new StreamReader(context.Request.InputStream, System.Text.Encoding.Latin1);
                string text = await reader.ReadToEndAsync();
                received.AddOrUpdate(context.Request.Url!.AbsolutePath, text, (_, before) => before + text);
                context.Response.Close();
            }
        }
        catch (Exception failure) when (failure is HttpListenerException or ObjectDisposedException)
        {
            // It is over.
        }
    }

    // Another program may take a port between finding it free and listening there.
    private static HttpListener Listen(out string address)
    {
        while (true)
        {
            using var free = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
            free.Start();
            address = $"http://{free.LocalEndpoint}/";
            free.Stop();
            var listener = new HttpListener { Prefixes = { address } };
            try
            {
                listener.Start();
                return listener;
            }
            catch (HttpListenerException)
            {
                listener.Close();
            }
        }
    }
}
