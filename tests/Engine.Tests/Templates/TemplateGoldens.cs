using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tessera.ChatTemplates;

namespace Tessera.Engine.Tests.Templates;

/// <summary>What Jinja2 rendered (tests/goldens/templates, made by make.py), and the comparison with what the engine renders.</summary>
internal static class TemplateGoldens
{
    public static string Folder { get; } = Path.GetFullPath(Path.Combine(SourceFolder(), "../../goldens/templates"));

    private static readonly JsonElement Conversations = Read("conversations.json");

    public static JsonElement Read(string file) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, file))).RootElement;

    /// <summary>The conversations for which a template renders otherwise than Jinja2, with both results.</summary>
    public static List<string> Differences(string templateFile, JsonElement expected)
    {
        List<string> differences = [];
        foreach (JsonProperty conversation in expected.EnumerateObject())
        {
            (string? text, string? problem) = Render(templateFile, conversation.Name);
            if (!IsExpected(conversation.Value, text, problem))
                differences.Add($"{conversation.Name}: expected {conversation.Value}, got {text ?? $"the failure '{problem}'"}");
        }
        return differences;
    }

    public static Dictionary<string, TemplateValue> Variables(string conversation) =>
        Conversations
            .GetProperty(conversation)
            .EnumerateObject()
            .ToDictionary(variable => variable.Name, variable => TemplateValue.FromJson(variable.Value));

    private static (string? Text, string? Problem) Render(string templateFile, string conversation)
    {
        try
        {
            ChatTemplate template = ChatTemplate.Parse(File.ReadAllText(templateFile), Path.GetFileName(templateFile));
            return (template.Render(Variables(conversation), clock: new FrozenClock()), null);
        }
        catch (TemplateException failure)
        {
            return (null, failure.Problem);
        }
    }

    /// <summary>A golden is a text, its digest, or a failure, whose words count only when the template itself raised it.</summary>
    private static bool IsExpected(JsonElement golden, string? text, string? problem)
    {
        if (golden.TryGetProperty("error", out JsonElement error))
            return problem is not null && (error.ValueKind == JsonValueKind.Null || error.GetString() == problem);
        if (text is null)
            return false;
        return golden.TryGetProperty("text", out JsonElement expected)
            ? text == expected.GetString()
            : golden.GetProperty("sha256").GetString() == Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    private sealed class FrozenClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 2, 3, 4, 5, 6, TimeSpan.Zero);
    }
}
