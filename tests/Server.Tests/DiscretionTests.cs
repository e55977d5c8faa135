using System.Text.Json;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>What fails for the machine's own reasons says nothing of its files.</summary>
public sealed class DiscretionTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-secret-place-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_model_that_cannot_be_loaded_is_not_named_by_its_path()
    {
        string damaged = Path.Combine(folder.FullName, "damaged.gguf");
        byte[] model = await File.ReadAllBytesAsync(TinyServer.Files.ModelPath);
        await File.WriteAllBytesAsync(damaged, model[..(model.Length / 2)]);
        await using TinyServer server = await TinyServer.StartAsync(
            TinyServer.Options with
            {
                Models = () =>
                    [
                        new ServedModel("damaged", new ModelOptions { ModelPath = damaged }),
                        new ServedModel("missing", new ModelOptions { ModelPath = Path.Combine(folder.FullName, "missing.gguf") }),
                    ],
                LoadsAtStart = false,
            }
        );
        foreach (string name in (string[])["damaged", "missing"])
        foreach (
            (string path, string json) in ((string, string)[])
                [
                    ("/v1/chat/completions", """{"model":"NAME","messages":[{"role":"user","content":"Hi"}]}"""),
                    ("/v1/chat/completions", """{"model":"NAME","stream":true,"messages":[{"role":"user","content":"Hi"}]}"""),
                    ("/v1/responses", """{"model":"NAME","input":"Hi"}"""),
                    ("/v1/embeddings", """{"model":"NAME","input":"Hi"}"""),
                    ("/v1/look", """{"model":"NAME","width":10,"height":10}"""),
                    ("/api/chat", """{"model":"NAME","messages":[{"role":"user","content":"Hi"}]}"""),
                    ("/api/generate", """{"model":"NAME"}"""),
                    ("/api/show", """{"model":"NAME"}"""),
                ]
        )
        {
            (int status, JsonElement body) = await server.PostAsync(path, json.Replace("NAME", name, StringComparison.Ordinal));
            Assert.True(status >= 400, $"{path}: {body}");
            Assert.DoesNotContain("secret-place", body.ToString(), StringComparison.Ordinal);
        }

        foreach (string path in (string[])["/v1/models", "/api/tags", "/api/ps", "/metrics"])
            Assert.DoesNotContain("secret-place", await server.Http.GetStringAsync(path), StringComparison.Ordinal);
    }
}
