using System.Net;
using System.Net.Sockets;
using System.Text;
using Tessera.Cli.Tests.Support;
using Tessera.Shared;

namespace Tessera.Cli.Tests;

/// <summary>Where a picture's address may lead: round and round nowhere, and into this machine's network only if it began there.</summary>
public sealed class PictureAddressTests : IDisposable
{
    private const string Public = "http://pictures.example";

    private readonly RedirectingServer server = new(Goldens.Picture("small"));

    public void Dispose() => server.Dispose();

    [Theory]
    [InlineData("/to?/cat.png")]
    [InlineData("/to?/to?/to?/cat.png")]
    public async Task A_redirect_is_followed(string path)
    {
        CliRun run = await CliRun.InProcessAsync("look", server.Address + path, "--json");
        Assert.True(run.ExitCode == 0, run.Error);
    }

    [Theory]
    [InlineData("/circle", "its redirects lead in a circle")]
    [InlineData("/on?0", "it is redirected more than 10 times")]
    [InlineData("/nowhere", "answered 302 without saying where to go")]
    [InlineData("/to?file:///etc/passwd", "redirected to an address that begins with file:")]
    public async Task A_redirect_that_leads_nowhere(string path, string reason) =>
        (await CliRun.InProcessAsync("look", server.Address + path)).ShouldFail(1, server.Address + path, reason);

    [Fact]
    public async Task A_server_elsewhere_does_not_send_us_into_our_own_network()
    {
        string address = $"{Public}/to?{server.Address}/cat.png";
        (await LookThroughProxyAsync(address)).ShouldFail(1, address, "127.0.0.1 in this machine's own network", "--allow-local-urls");
        CliRun allowed = await LookThroughProxyAsync(address, "--allow-local-urls");
        Assert.True(allowed.ExitCode == 0, allowed.Error);
    }

    [FactOnLocalName]
    public async Task Nor_by_a_name()
    {
        string name = Dns.GetHostName();
        string address = $"{Public}/to?http://{name}:{server.Port}/cat.png";
        (await LookThroughProxyAsync(address)).ShouldFail(1, address, $"{name} in this machine's own network");
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.255.255.254", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("172.16.0.1", true)]
    [InlineData("172.32.0.1", false)]
    [InlineData("192.168.255.1", true)]
    [InlineData("169.254.169.254", true)]
    [InlineData("100.64.0.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("::", true)]
    [InlineData("::1", true)]
    [InlineData("fe80::1", true)]
    [InlineData("fd00::1", true)]
    [InlineData("::ffff:192.168.0.1", true)]
    [InlineData("::ffff:8.8.8.8", false)]
    [InlineData("64:ff9b::7f00:1", true)]
    [InlineData("64:ff9b::808:808", false)]
    [InlineData("2002:7f00:1::", true)]
    [InlineData("8.8.8.8", false)]
    [InlineData("2606:4700::1111", false)]
    public void Addresses_of_this_machine_s_network(string address, bool isLocal) =>
        Assert.Equal(isLocal, LocalNetwork.Holds(IPAddress.Parse(address)));

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("Cat.LOCALHOST.", true)]
    [InlineData("localhost.example", false)]
    public void Names_of_this_machine(string name, bool isLocal) => Assert.Equal(isLocal, LocalNetwork.HoldsName(name));

    // The first address is asked of the proxy, which is the server; the machine's own name is not.
    private Task<CliRun> LookThroughProxyAsync(string address, params string[] options) =>
        CliProcess.RunAsync(["look", address, .. options], null, ("http_proxy", server.Address), ("no_proxy", Dns.GetHostName()));

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class FactOnLocalNameAttribute : FactAttribute
    {
        public FactOnLocalNameAttribute() => Skip = IsNameLocal() ? null : "This machine's own name does not lead to its own network.";

        private static bool IsNameLocal()
        {
            try
            {
                return Dns.GetHostAddresses(Dns.GetHostName()).Any(LocalNetwork.Holds);
            }
            catch (SocketException)
            {
                return false;
            }
        }
    }

    /// <summary>Sends "/to?X" on to X, "/circle" round, "/on?N" further and further, and gives a picture for the rest.</summary>
    private sealed class RedirectingServer : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.IPv6Any, 0);
        private readonly byte[] picture;

        public RedirectingServer(string picture)
        {
            this.picture = File.ReadAllBytes(picture);
            listener.Server.DualMode = true;
            listener.Start();
            _ = AnswerAllAsync();
        }

        public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

        public string Address => $"http://127.0.0.1:{Port}";

        public void Dispose() => listener.Dispose();

        private async Task AnswerAllAsync()
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await listener.AcceptTcpClientAsync();
                    NetworkStream stream = client.GetStream();
                    byte[] request = new byte[4096];
                    int count = await stream.ReadAtLeastAsync(request, 1);
                    await stream.WriteAsync(Answer(Encoding.ASCII.GetString(request, 0, count).Split(' ')[1]));
                    client.Client.Shutdown(SocketShutdown.Send);
                    await stream.ReadAtLeastAsync(request, 1, throwOnEndOfStream: false);
                }
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException or IOException)
            {
                // The test is over.
            }
        }

        // A proxy is asked for the whole address.
        private byte[] Answer(string target)
        {
            string path = target.StartsWith(Public, StringComparison.Ordinal) ? target[Public.Length..] : target;
            if (path.StartsWith("/to?", StringComparison.Ordinal))
                return Redirect($"Location: {path[4..]}\r\n");
            if (path.StartsWith("/on?", StringComparison.Ordinal))
                return Redirect($"Location: /on?{path.Length}{path[4..]}\r\n");
            if (path.StartsWith("/circle", StringComparison.Ordinal))
                return Redirect($"Location: {(path == "/circle" ? "/circle2" : "/circle")}\r\n");
            if (path == "/nowhere")
                return Redirect("");
            return
            [
                .. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {picture.Length}\r\n\r\n"),
                .. picture,
            ];
        }

        private static byte[] Redirect(string location) =>
            Encoding.ASCII.GetBytes($"HTTP/1.1 302 F\r\nConnection: close\r\n{location}Content-Length: 0\r\n\r\n");
    }
}
