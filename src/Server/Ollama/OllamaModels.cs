using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tessera.Extensions.AI;
using Tessera.Gguf;
using Tessera.Server.Json;
using Tessera.Server.Models;

namespace Tessera.Server.Ollama;

/// <summary><c>/api/tags</c>, <c>/api/ps</c> and <c>/api/show</c>: what there is, what is loaded, and what a model is.</summary>
internal sealed class OllamaModels(ModelShelf shelf, RequestBody bodies)
{
    private const int MaxTemplateLength = 1 << 20;
    private readonly ConcurrentDictionary<(string Path, DateTime Written), OllamaDetails> known = new();

    public Task TagsAsync(HttpContext context) =>
        Documents.WriteAsync(context, new OllamaTags([.. shelf.Served.Select(Model)]), ServerJson.Plain.OllamaTags);

    public Task RunningAsync(HttpContext context) =>
        Documents.WriteAsync(
            context,
            new OllamaRunning([
                .. shelf.Loaded.Select(loaded => new OllamaRunningModel(
                    loaded.Name,
                    loaded.Name,
                    SizeOf(loaded.Served),
                    DigestOf(loaded.Served),
                    DetailsOf(loaded.Served),
                    Time(loaded.UserCount > 0 ? DateTimeOffset.UtcNow + loaded.KeepAlive.Duration() : loaded.ExpiresAt),
                    0,
                    loaded.Model.ContextLength
                )),
            ]),
            ServerJson.Plain.OllamaRunning
        );

    public async Task ShowAsync(HttpContext context)
    {
        ServedModel served;
        using (PendingBody pending = await bodies.ReadAsync(context))
            served = shelf.Find(pending.Fields.Text("model") ?? pending.Fields.Text("name") ?? throw pending.Fields.Missing("model"));
        using GgufFile file = GgufFile.Open(served.Files.ModelPath);
        string? template = file.Metadata.TryGetString("tokenizer.chat_template", out string? found) ? found : null;
        var show = new OllamaShow(
            file.Metadata.TryGetString("general.license", out string? license) ? license : "",
            $"FROM {Path.GetFileName(served.Files.ModelPath)}",
            "",
            template is { Length: <= MaxTemplateLength } ? template : "",
            DetailsOf(served),
            InfoOf(served, file),
            Capabilities(served, file, template),
            Time(File.GetLastWriteTimeUtc(served.Files.ModelPath))
        );
        await Documents.WriteAsync(context, show, ServerJson.Plain.OllamaShow);
    }

    /// <summary>A time as Ollama's clients read it.</summary>
    public static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    private static string[] Capabilities(ServedModel served, GgufFile file, string? template)
    {
        var capabilities = new List<string> { "completion" };
        if (served.Files.ProjectorPath is not null)
            capabilities.Add("vision");
        if (template is null)
            return [.. capabilities];
        var traits = new TemplateTraits(ChatTemplates.ChatTemplate.Parse(template, served.Name));
        if (traits.TakesTools && traits.Format is not null)
            capabilities.Add("tools");
        if (traits.Thoughts is not null)
            capabilities.Add("thinking");
        return [.. capabilities];
    }

    // Numbers and texts; the lists are the vocabulary.
    private static Dictionary<string, JsonElement> InfoOf(ServedModel served, GgufFile file)
    {
        var info = new Dictionary<string, JsonElement>();
        foreach ((string key, GgufValue value) in file.Metadata.Where(static entry => entry.Key != "tokenizer.chat_template"))
        {
            if (Written(value) is { } written)
                info[key] = written;
        }

        info["general.parameter_count"] = JsonSerializer.SerializeToElement((long)ParameterCount(file), ServerJson.Plain.Int64);
        // Editors show the model by it.
        info.TryAdd("general.basename", JsonSerializer.SerializeToElement(served.Name, ServerJson.Plain.String));
        return info;
    }

    private static JsonElement? Written(GgufValue value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            if (value.TryGet(out string? text))
                writer.WriteStringValue(text!.Length > 4096 ? text[..4096] : text);
            else if (value.TryGet(out bool flag))
                writer.WriteBooleanValue(flag);
            else if (value.TryGet(out float number) && float.IsFinite(number))
                writer.WriteNumberValue(number);
            else if (
                value.Type != GgufValueType.Array
                && decimal.TryParse(value.ToString(), CultureInfo.InvariantCulture, out decimal whole)
            )
                writer.WriteNumberValue(whole);
            else
                return null;
        }

        return JsonDocument.Parse(stream.ToArray()).RootElement;
    }

    private OllamaModel Model(ServedModel served) =>
        new(
            served.Name,
            served.Name,
            Time(File.GetLastWriteTimeUtc(served.Files.ModelPath)),
            SizeOf(served),
            DigestOf(served),
            DetailsOf(served)
        );

    // Of what tells one file from another at once; reading gigabytes for a list would take too long.
    private static string DigestOf(ServedModel served)
    {
        var file = new FileInfo(served.Files.ModelPath);
        string identity = $"{file.FullName}\n{(file.Exists ? file.Length : 0)}\n{file.LastWriteTimeUtc.Ticks}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)));
    }

    private static long SizeOf(ServedModel served) =>
        new[] { served.Files.ModelPath, served.Files.ProjectorPath }.Sum(static path =>
            path is not null && File.Exists(path) ? new FileInfo(path).Length : 0
        );

    private OllamaDetails DetailsOf(ServedModel served)
    {
        string path = served.Files.ModelPath;
        return known.GetOrAdd((path, File.GetLastWriteTimeUtc(path)), static key => ReadDetails(key.Path));
    }

    private static double ParameterCount(GgufFile file) =>
        file.Tensors.Sum(static tensor => tensor.Shape.Aggregate(1.0, static (product, side) => product * side));

    private static OllamaDetails ReadDetails(string path)
    {
        try
        {
            using GgufFile file = GgufFile.Open(path);
            string family = file.Metadata.TryGetString("general.architecture", out string? name) ? name : "unknown";
            double parameters = ParameterCount(file);
            string type =
                file.Tensors.Where(static tensor => tensor.Shape.Length > 1)
                    .GroupBy(static tensor => tensor.Type)
                    .MaxBy(static group => group.Sum(static tensor => tensor.ByteLength))
                    ?.Key.ToString()
                ?? "unknown";
            string size = parameters >= 1e9 ? $"{parameters / 1e9:0.0}B" : $"{parameters / 1e6:0.0}M";
            return new OllamaDetails("", "gguf", family, [family], size, type);
        }
        catch (TesseraException)
        {
            return new OllamaDetails("", "gguf", "unknown", ["unknown"], "unknown", "unknown");
        }
    }
}
