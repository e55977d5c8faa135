using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Mcp;

/// <summary><c>tessera mcp</c>, called by the protocol's own client as an agent would.</summary>
public sealed class McpTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_tools_are_described_and_answer()
    {
        await using McpClient client = await ConnectAsync("--root", Goldens.RepositoryPath("samples"));
        IList<McpClientTool> tools = await client.ListToolsAsync();
        Assert.Equal(["ask_about_picture", "look", "read_text"], tools.Select(static tool => tool.Name));
        Assert.All(tools, static tool => Assert.Equal("picture", tool.JsonSchema.GetProperty("required")[0].GetString()));

        string heart = Goldens.RepositoryPath("samples", "heart.png");
        CallToolResult asked = await client.CallToolAsync("ask_about_picture", Call(("picture", heart), ("question", "What shape is it?")));
        Assert.Contains("heart", TextOf(asked), StringComparison.OrdinalIgnoreCase);
        CallToolResult read = await client.CallToolAsync("read_text", Call(("picture", Goldens.RepositoryPath("samples", "word.png"))));
        Assert.NotEqual("", TextOf(read));
        CallToolResult seen = await client.CallToolAsync("look", Call(("picture", heart)));
        Assert.Contains("tokens   64", TextOf(seen), StringComparison.Ordinal);
        Assert.Equal(64, seen.StructuredContent!.Value.GetProperty("image_tokens").GetInt32());

        string data = $"data:image/png;base64,{Convert.ToBase64String(await File.ReadAllBytesAsync(heart))}";
        CallToolResult sent = await client.CallToolAsync("ask_about_picture", Call(("picture", data), ("question", "What shape is it?")));
        Assert.Equal(TextOf(asked), TextOf(sent));
    }

    [Fact]
    public async Task Only_pictures_within_the_folders_are_opened()
    {
        string root = folder.File("root"),
            outside = folder.File("outside.png"),
            link = Path.Combine(root, "link.png"),
            linked = Path.Combine(root, "linked");
        Directory.CreateDirectory(root);
        File.Copy(Goldens.RepositoryPath("samples", "heart.png"), outside);
        File.Copy(outside, Path.Combine(root, "inside.png"));
        File.CreateSymbolicLink(link, outside);
        Directory.CreateSymbolicLink(linked, folder.FullName);
        await using McpClient client = await ConnectAsync("--root", root);
        Assert.NotEqual(true, (await client.CallToolAsync("look", Call(("picture", Path.Combine(root, "inside.png"))))).IsError);
        string[] refused =
        [
            outside,
            link,
            Path.Combine(linked, "outside.png"),
            Path.Combine(root, "..", "outside.png"),
            $"{root}-other/x.png",
            "/etc/passwd",
            "/dev/zero",
            "/proc/self/environ",
        ];
        foreach (string path in refused)
            Assert.Contains(
                "outside of the folders",
                ErrorOf(await client.CallToolAsync("look", Call(("picture", path)))),
                StringComparison.Ordinal
            );
        foreach (
            string other in (string[])
                [
                    "http://127.0.0.1/x.png",
                    "file:///etc/passwd",
                    "ftp://a/b",
                    Path.Combine(root, "no.png"),
                    root,
                    "-",
                    "data:image/png;base64,====",
                    "data:,x",
                ]
        )
            ErrorOf(await client.CallToolAsync("look", Call(("picture", other))));
    }

    [Fact]
    public async Task Wrong_calls_get_a_sentence()
    {
        await using McpClient client = await ConnectAsync("--root", folder.FullName);
        await Assert.ThrowsAnyAsync<McpException>(() => client.CallToolAsync("delete_everything", Call()).AsTask());
        Assert.Contains("picture", ErrorOf(await client.CallToolAsync("look", Call())), StringComparison.Ordinal);
        Assert.Contains("picture", ErrorOf(await client.CallToolAsync("look", Call(("picture", 7)))), StringComparison.Ordinal);
        Assert.Contains(
            "question",
            ErrorOf(await client.CallToolAsync("ask_about_picture", Call(("picture", "a.png"), ("question", " ")))),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "max_tokens",
            ErrorOf(await client.CallToolAsync("ask_about_picture", Call(("picture", "a.png"), ("question", "?"), ("max_tokens", 1e9)))),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_is_said_at_the_first_question()
    {
        string picture = folder.File("heart.png");
        File.Copy(Goldens.RepositoryPath("samples", "heart.png"), picture);
        await using McpClient client = await ConnectAsync("--root", folder.FullName, "-m", folder.File("no.gguf"));
        string error = ErrorOf(await client.CallToolAsync("ask_about_picture", Call(("picture", picture), ("question", "What?"))));
        Assert.Contains("no.gguf", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_ends_with_its_client_and_survives_what_is_no_message()
    {
        CliRun run = await CliProcess.RunAsync(["mcp", "--root", folder.FullName], "no JSON\n{}\n[1]\n{\"jsonrpc\":\"2.0\"}\n"u8.ToArray());
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.All(run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries), static line => JsonElement.Parse(line));
        (await CliRun.InProcessAsync("mcp", "--root", folder.File("no"))).ShouldFail(1, "--root");
    }

    private static Task<McpClient> ConnectAsync(params string[] arguments) =>
        McpClient.CreateAsync(
            new StdioClientTransport(
                new StdioClientTransportOptions
                {
                    Name = "tessera",
                    Command = CliProcess.Program,
                    Arguments = ["mcp", "--threads", "1", .. arguments],
                }
            ),
            new McpClientOptions { InitializationTimeout = Patience.Limit }
        );

    private static Dictionary<string, object?> Call(params (string Name, object? Value)[] arguments) =>
        arguments.ToDictionary(static argument => argument.Name, static argument => argument.Value);

    private static string TextOf(CallToolResult result)
    {
        string text = Assert.IsType<TextContentBlock>(Assert.Single(result.Content)).Text;
        Assert.True(result.IsError != true, text);
        return text;
    }

    private static string ErrorOf(CallToolResult result)
    {
        string text = Assert.IsType<TextContentBlock>(Assert.Single(result.Content)).Text;
        Assert.True(result.IsError, text);
        Assert.EndsWith(".", text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        return text;
    }
}
