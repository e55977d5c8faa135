using System.Diagnostics;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>OpenAI's client for JavaScript.</summary>
public sealed class NodeClientTests(TinyServer server) : IClassFixture<TinyServer>
{
    private const string Script = """
        import OpenAI from "openai";
        const [baseURL, picture] = process.argv.slice(2);
        const client = new OpenAI({ baseURL, apiKey: "unused" });
        const messages = [{ role: "user", content: [{ type: "image_url", image_url: { url: picture } }, { type: "text", text: "What is in this picture?" }] }];
        const whole = await client.chat.completions.create({ model: "tiny", temperature: 0, messages });
        console.log(whole.choices[0].message.content);
        let text = "";
        let usage;
        for await (const chunk of await client.chat.completions.create({ model: "tiny", temperature: 0, messages, stream: true, stream_options: { include_usage: true } })) {
          text += chunk.choices[0]?.delta?.content ?? "";
          usage = chunk.usage ?? usage;
        }
        console.log(text);
        console.log(usage.prompt_tokens_details.cached_tokens > 0);
        const response = await client.responses.create({ model: "tiny", temperature: 0, input: "Hello" });
        console.log(typeof response.output_text);
        const parts = [{ type: "input_image", image_url: picture, detail: "auto" }, { type: "input_text", text: "What is in this picture?" }];
        const events = client.responses.stream({ model: "tiny", temperature: 0, input: [{ role: "user", content: parts }] });
        console.log((await events.finalResponse()).output_text);
        const chunks = client.chat.completions.stream({ model: "tiny", temperature: 0, messages, logprobs: true });
        const ended = await chunks.finalChatCompletion();
        console.log(ended.choices[0].message.content === text && ended.choices[0].logprobs.content.length > 5);
        const vectors = await client.embeddings.create({ model: "tiny", input: "a star" });
        console.log(vectors.data[0].embedding.length);
        for await (const model of client.models.list()) console.log(model.id);
        try {
          await client.chat.completions.create({ model: "none", messages });
        } catch (failure) {
          console.log(failure.status, failure.code);
        }
        """;

    [NpmFact("openai", "7.55.0")]
    public async Task It_answers_streams_and_fails_as_it_should()
    {
        string script = Path.Combine(NpmFactAttribute.Folder("openai", "7.55.0"), $"{Guid.NewGuid():N}.mjs");
        await File.WriteAllTextAsync(script, Script);
        try
        {
            (int exit, string output) = NpmFactAttribute.Run(
                "node",
                [script, new Uri(server.Address, "v1").ToString(), TinyServer.DataUri("shapes.png")],
                Path.GetDirectoryName(script)!
            );
            Assert.True(exit == 0, output);
            Assert.Equal(
                [TinyServer.Answer, TinyServer.Answer, "true", "string", TinyServer.Answer, "true", "256", "tiny", "404 model_not_found"],
                output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            );
        }
        finally
        {
            File.Delete(script);
        }
    }
}

/// <summary>A test that needs Node.js and a package of npm's, which is fetched once into a folder that stays.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NpmFactAttribute : FactAttribute
{
    public NpmFactAttribute(string package, string version)
    {
        if (!InstalledTools.Have("node") || !InstalledTools.Have("npm"))
            Skip = "Node.js is not installed.";
        else if (!IsThere(package, version))
            Skip = $"{package} {version} could not be fetched from npm.";
    }

    public static string Folder(string package, string version) => Path.Combine(Path.GetTempPath(), $"tessera-npm-{package}-{version}");

    /// <summary>Runs a program; what it writes comes back with how it ended.</summary>
    public static (int ExitCode, string Output) Run(string program, string[] arguments, string folder)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, process.ExitCode == 0 ? output : output + errors.Result);
    }

    private static bool IsThere(string package, string version)
    {
        string folder = Folder(package, version);
        string wanted = Path.Combine(folder, "node_modules", package, "package.json");
        if (File.Exists(wanted))
            return true;
        // Whole or not at all, and whoever else runs these tests may fetch it at the same time.
        string begun = Directory.CreateTempSubdirectory("tessera-npm-").FullName;
        File.WriteAllText(Path.Combine(begun, "package.json"), """{"private":true,"type":"module"}""");
        string[] arguments = ["install", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000", $"{package}@{version}"];
        bool isWhole = Run("npm", arguments, begun).ExitCode == 0;
        try
        {
            if (isWhole)
                Directory.Move(begun, folder);
        }
        catch (IOException)
        {
            // Somebody else was first.
        }

        if (Directory.Exists(begun))
            Directory.Delete(begun, recursive: true);
        return File.Exists(wanted);
    }
}
