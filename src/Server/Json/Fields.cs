using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tessera.Server.Hosting;

namespace Tessera.Server.Json;

/// <summary>Reads the fields of a JSON object, one by one, and says which one is wrong by its path. A null is a field that is not
/// there.</summary>
/// <param name="element">The object.</param>
/// <param name="path">Where it is; empty for the body itself.</param>
internal sealed class Fields(JsonElement element, string path)
{
    // As OpenAI's API has it. What is longer fits no model, and would be in memory twice more as characters.
    private const int MaxTextBytes = 10 << 20;
    private readonly HashSet<string> read = [];

    /// <summary>The object as it is.</summary>
    public JsonElement Element => element;

    /// <summary>Names of fields that nobody asked for.</summary>
    public IEnumerable<string> Unread => element.EnumerateObject().Select(static member => member.Name).Where(name => !read.Contains(name));

    /// <summary>An object, or a refusal.</summary>
    public static Fields Of(JsonElement element, string path) =>
        element.ValueKind == JsonValueKind.Object
            ? new Fields(element, path)
            : throw ApiException.Field(path.Length > 0 ? path : "body", $"must be an object, not {KindOf(element)}.");

    /// <summary>A field's path.</summary>
    public string At(string name) => path.Length > 0 ? $"{path}.{name}" : name;

    public JsonElement? Any(string name)
    {
        read.Add(name);
        return element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    /// <summary>Takes note of fields that mean nothing here and are no mistake.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            read.Add(name);
    }

    public string? Text(string name) => Any(name) is { } value ? TextOf(value, At(name)) : null;

    public string RequiredText(string name) => Text(name) ?? throw Missing(name);

    public bool? Flag(string name) =>
        Any(name) is not { } value
            ? null
            : value.ValueKind switch
            {
                JsonValueKind.True => true,
                JsonValueKind.False => false,
                _ => throw Wrong(name, "true or false", value),
            };

    public long? Whole(string name, long least, long most)
    {
        if (Any(name) is not { } value)
            return null;
        // 100.0 is a whole number too.
        bool isWhole = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == Math.Floor(number);
        if (!isWhole)
            throw Wrong(name, "a whole number", value);
        if (!value.TryGetInt64(out long whole))
            whole = (long)Math.Clamp(value.GetDouble(), long.MinValue, long.MaxValue);
        return whole >= least && whole <= most
            ? whole
            : throw ApiException.Field(At(name), string.Create(CultureInfo.InvariantCulture, $"must be between {least} and {most}."));
    }

    public double? Number(string name, double least, double most)
    {
        if (Any(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number))
            throw Wrong(name, "a number", value);
        return number >= least && number <= most
            ? number
            : throw ApiException.Field(At(name), string.Create(CultureInfo.InvariantCulture, $"must be between {least} and {most}."));
    }

    public Fields? Object(string name) => Any(name) is { } value ? Of(value, At(name)) : null;

    /// <summary>A list's items with their paths; null where there is no list.</summary>
    public IReadOnlyList<(JsonElement Value, string Path)>? List(string name, int most)
    {
        if (Any(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Array)
            throw Wrong(name, "a list", value);
        if (value.GetArrayLength() > most)
            throw ApiException.Field(At(name), $"has {value.GetArrayLength()} items, more than {most}.");
        return [.. value.EnumerateArray().Select((item, index) => (item, $"{At(name)}[{index}]"))];
    }

    /// <summary>One text or a list of them.</summary>
    public IReadOnlyList<string>? Texts(string name, int most) =>
        Any(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? [TextOf(value, At(name))]
        : [.. List(name, most)!.Select(static item => TextOf(item.Value, item.Path))];

    public ApiException Missing(string name) => ApiException.Field(At(name), "is missing.");

    public static string TextOf(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw ApiException.Field(path, $"must be a text, not {KindOf(value)}.");
        int length = JsonMarshal.GetRawUtf8Value(value).Length - 2;
        if (length > MaxTextBytes)
            throw ApiException.TooLong(path, $"has {length} bytes of text, more than {MaxTextBytes}.");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException failure)
        {
            throw ApiException.Field(path, "has half of a character.", failure);
        }
    }

    private ApiException Wrong(string name, string wanted, JsonElement value) =>
        ApiException.Field(At(name), $"must be {wanted}, not {KindOf(value)}.");

    private static string KindOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            JsonValueKind.String => "a text",
            JsonValueKind.Number => "a number",
            JsonValueKind.True or JsonValueKind.False => "true or false",
            _ => "null",
        };
}
