using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>What clients get wrong: the API's own form of an error, the right status, and no word of the inside.</summary>
public sealed class BadInputTests(TinyServer server) : IClassFixture<TinyServer>
{
    private const string User = """[{"role":"user","content":"Hi"}]""";

    [Theory]
    [InlineData("", 400, null)]
    [InlineData("{", 400, null)]
    [InlineData("[]", 400, "body")]
    [InlineData("null", 400, "body")]
    [InlineData("{}", 400, "messages")]
    [InlineData("""{"messages":{}}""", 400, "messages")]
    [InlineData("""{"messages":[]}""", 400, "messages")]
    [InlineData("""{"messages":[7]}""", 400, "messages[0]")]
    [InlineData("""{"messages":[{"role":"user"}]}""", 400, "messages[0].content")]
    [InlineData("""{"messages":[{"role":"king","content":"Hi"}]}""", 400, "messages[0].role")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"video"}]}]}""", 400, "messages[0].content[0].type")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""", 400, "messages[0].content")]
    [InlineData("""{"\ud800":1,"messages":USER}""", 400, null)]
    [InlineData("""{"model":"none","messages":USER}""", 404, "model")]
    [InlineData("""{"model":7,"messages":USER}""", 400, "model")]
    [InlineData("""{"temperature":"hot","messages":USER}""", 400, "temperature")]
    [InlineData("""{"temperature":-1,"messages":USER}""", 400, "temperature")]
    [InlineData("""{"temperature":1e400,"messages":USER}""", 400, "temperature")]
    [InlineData("""{"max_tokens":0,"messages":USER}""", 400, "max_tokens")]
    [InlineData("""{"max_tokens":1.5,"messages":USER}""", 400, "max_tokens")]
    [InlineData("""{"n":2,"messages":USER}""", 400, "n")]
    [InlineData("""{"stream":"yes","messages":USER}""", 400, "stream")]
    [InlineData("""{"stop":[1],"messages":USER}""", 400, "stop[0]")]
    [InlineData("""{"tools":[{"type":"web"}],"messages":USER}""", 400, "tools[0].type")]
    [InlineData("""{"tool_choice":"required","messages":USER}""", 400, "tool_choice")]
    [InlineData("""{"tools":[{"type":"function","function":{"name":"f"} }],"messages":USER}""", 400, "tools")]
    [InlineData("""{"response_format":{"type":"xml"},"messages":USER}""", 400, "response_format.type")]
    [InlineData(
        """{"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"nix"} } },"messages":USER}""",
        400,
        "response_format"
    )]
    [InlineData("""{"top_logprobs":21,"messages":USER}""", 400, "top_logprobs")]
    [InlineData("""{"keep_alive":"soon","messages":USER}""", 400, "keep_alive")]
    public async Task A_wrong_request_is_named_by_its_field(string json, int status, string? param)
    {
        (int answered, JsonElement body) = await server.PostAsync(
            "/v1/chat/completions",
            json.Replace("USER", User, StringComparison.Ordinal)
        );
        Assert.Equal(status, answered);
        JsonElement error = body.GetProperty("error");
        Assert.Equal(param, error.GetProperty("param").GetString());
        AssertPlain(error.GetProperty("message").GetString()!);
    }

    [Theory]
    [InlineData("data:image/png;base64,")]
    [InlineData("data:image/png;base64,????")]
    [InlineData("data:image/png;base64,aGVsbG8=")]
    [InlineData("data:image/png")]
    [InlineData("data:text/html;base64,aGVsbG8=")]
    [InlineData("data:image/png,hello")]
    [InlineData("ftp://example.org/a.png")]
    [InlineData("http://127.0.0.1/a.png")]
    [InlineData("https://example.org/a.png")]
    [InlineData("file:///etc/passwd")]
    [InlineData("cat.png")]
    public async Task A_picture_that_is_none_is_refused(string address)
    {
        (int status, JsonElement body) = await server.PostAsync(
            "/v1/chat/completions",
            $$"""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":{{JsonSerializer.Serialize(address)}}} }]}]}"""
        );
        Assert.Equal(400, status);
        Assert.Equal("messages[0].content[0].image_url.url", body.GetProperty("error").GetProperty("param").GetString());
        AssertPlain(body.GetProperty("error").GetProperty("message").GetString()!);
    }

    [Fact]
    public async Task A_picture_that_lies_about_its_type_or_its_size_is_refused()
    {
        string png = Convert.ToBase64String(TinyServer.Sample("shapes.png"));
        string request = TinyServer.Request().Replace("data:image/png", "data:image/jpeg", StringComparison.Ordinal);
        (int status, JsonElement body) = await server.PostAsync("/v1/chat/completions", request);
        Assert.Equal(400, status);
        Assert.Contains("image/png", body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        // A header that says 60000 x 60000 before a few bytes.
        byte[] bomb = TinyServer.Sample("shapes.png");
        (bomb[16], bomb[17], bomb[18], bomb[19]) = (0, 0, 0xEA, 0x60);
        (bomb[20], bomb[21], bomb[22], bomb[23]) = (0, 0, 0xEA, 0x60);
        request = TinyServer.Request().Replace(png, Convert.ToBase64String(bomb), StringComparison.Ordinal);
        (status, body) = await server.PostAsync("/v1/chat/completions", request);
        Assert.Equal(400, status);
        AssertPlain(body.GetProperty("error").GetProperty("message").GetString()!);
    }

    [Fact]
    public async Task A_prompt_that_does_not_fit_is_refused_before_it_is_computed()
    {
        string text = string.Join(' ', Enumerable.Repeat("yellow star", 20_000));
        (int status, JsonElement body) = await server.PostAsync(
            "/v1/chat/completions",
            $$"""{"messages":[{"role":"user","content":"{{text}}"}]}"""
        );
        Assert.Equal(400, status);
        Assert.Equal("context_length_exceeded", body.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_text_that_fits_no_model_and_too_many_values_are_refused_by_their_size()
    {
        string text = new('x', (10 << 20) + 1);
        (int status, JsonElement body) = await server.PostAsync(
            "/v1/chat/completions",
            $$"""{"messages":[{"role":"user","content":"{{text}}"}]}"""
        );
        Assert.Equal(400, status);
        Assert.Equal("string_above_max_length", body.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("messages[0].content", body.GetProperty("error").GetProperty("param").GetString());
        string numbers = string.Concat(Enumerable.Repeat("1,", 1_000_000));
        (status, body) = await server.PostAsync("/v1/chat/completions", $$"""{"messages":[{{numbers}}1]}""");
        Assert.Equal(400, status);
        AssertPlain(body.GetProperty("error").GetProperty("message").GetString()!);
    }

    // As PHP writes JSON, and as some clients write base64.
    [Theory]
    [InlineData("/", "\\/")]
    [InlineData("=", "")]
    [InlineData("data:", "DATA:")]
    [InlineData("+", "%2B")]
    public async Task A_picture_is_read_however_its_address_is_written(string written, string otherwise)
    {
        string uri = TinyServer.DataUri("shapes.png");
        string request = TinyServer
            .Request()
            .Replace(uri, uri.Replace(written, otherwise, StringComparison.Ordinal), StringComparison.Ordinal);
        (int status, JsonElement body) = await server.PostAsync("/v1/chat/completions", request);
        Assert.Equal(200, status);
        Assert.Equal(TinyServer.Answer, body.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task Fields_that_mean_nothing_are_named_in_the_answer()
    {
        (int status, JsonElement body) = await server.PostAsync(
            "/v1/chat/completions",
            TinyServer.Request(more: ",\"logit_bias\":{},\"user\":\"me\"")
        );
        Assert.Equal(200, status);
        JsonElement ignored = body.GetProperty("tessera").GetProperty("ignored_fields");
        Assert.Equal(["logit_bias"], ignored.EnumerateArray().Select(static name => name.GetString()));
        JsonElement image = body.GetProperty("tessera").GetProperty("images")[0];
        Assert.Equal(64, image.GetProperty("tokens").GetInt32());
    }

    [Theory]
    [InlineData("GET", "/v1/chat/completions", 405)]
    [InlineData("GET", "/v1/none", 404)]
    [InlineData("POST", "/v1/completions", 404)]
    [InlineData("DELETE", "/v1/models/tiny", 405)]
    public async Task What_is_not_there_says_so_in_openais_form(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using HttpResponseMessage response = await server.Http.SendAsync(request);
        Assert.Equal(status, (int)response.StatusCode);
        JsonElement body = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        AssertPlain(body.GetProperty("error").GetProperty("message").GetString()!);
    }

    [Theory]
    [InlineData("/api/create", "{}", 404)]
    [InlineData("/api/chat", "{", 400)]
    [InlineData("/api/chat", "{}", 400)]
    [InlineData("/api/chat", """{"model":"none","messages":[]}""", 404)]
    [InlineData("/api/generate", """{"model":"tiny","prompt":7}""", 400)]
    [InlineData("/api/generate", """{"model":"tiny","prompt":"a","raw":true}""", 400)]
    [InlineData("/api/generate", """{"model":"tiny","prompt":"a","images":["aGVsbG8="]}""", 400)]
    [InlineData("/api/show", """{"model":"none"}""", 404)]
    public async Task Ollamas_errors_are_one_text(string path, string json, int status)
    {
        (int answered, JsonElement body) = await server.PostAsync(path, json);
        Assert.Equal(status, answered);
        AssertPlain(body.GetProperty("error").GetString()!);
    }

    [Fact]
    public async Task A_compressed_body_and_where_json_ends_are_named()
    {
        using var packed = new StringContent("x") { Headers = { ContentEncoding = { "gzip" } } };
        using HttpResponseMessage response = await server.Http.PostAsync("/v1/chat/completions", packed);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        (_, JsonElement body) = await server.PostAsync("/v1/chat/completions", "{\n  \"messages\": hello}");
        Assert.EndsWith("(line 2, byte 15).", body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hundred_megabytes_are_refused()
    {
        using var content = new ByteArrayContent(new byte[100_000_000]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = content };
        request.Headers.ExpectContinue = true;
        using HttpResponseMessage response = await server.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Contains("\"error\"", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deep_json_is_refused()
    {
        string deep = string.Concat(Enumerable.Repeat("[", 100_000));
        (int status, _) = await server.PostAsync("/v1/chat/completions", $$"""{"messages":{{deep}}""");
        Assert.Equal(400, status);
    }

    [Theory]
    [InlineData("GARBAGE\r\n\r\n", "400")]
    [InlineData("GET /health HTTP/1.1\r\nHost: localhost\r\nX: A\0B\r\n\r\n", "400")]
    [InlineData("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", "400")]
    public async Task Bytes_that_are_no_request_end_the_connection(string bytes, string status) =>
        Assert.Contains($" {status} ", (await SendAsync(bytes)).Split('\n')[0], StringComparison.Ordinal);

    // Sends bytes and reads until the server closes the connection.
    private async Task<string> SendAsync(string text)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(text));
        using var limit = new CancellationTokenSource(Patience.Limit);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(limit.Token);
    }

    private static void AssertPlain(string message)
    {
        Assert.NotEmpty(message);
        Assert.DoesNotContain("   at ", message, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", message, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", message, StringComparison.Ordinal);
        Assert.DoesNotContain("should not happen", message, StringComparison.Ordinal);
    }
}
