using System.Globalization;
using System.Text.Json;
using Tessera.Shared;

namespace Tessera.Grammars;

/// <summary>Finds what references within a schema mean (JSON pointers, RFC 6901). Objects are indexed, so that many references take no
/// longer than they should.</summary>
internal sealed class SchemaPlaces(JsonElement document)
{
    private readonly Dictionary<string, Dictionary<string, JsonElement>> indexes = [];

    /// <summary>Finds a part of the schema.</summary>
    /// <param name="reference">The reference.</param>
    /// <param name="user">Pointer of the schema that refers, for the message.</param>
    /// <exception cref="SchemaException">It leads nowhere.</exception>
    public JsonElement Find(string reference, string user)
    {
        if (!reference.StartsWith('#'))
            throw new SchemaException(
                user,
                "$ref",
                $"is '{PlainText.Quote(reference)}', but only references within the schema ('#/$defs/name') are followed."
            );
        string[] path = Uri.UnescapeDataString(reference[1..]).Split('/');
        if (path[0].Length > 0)
            throw new SchemaException(
                user,
                "$ref",
                $"is '{PlainText.Quote(reference)}', but anchors are not followed: write '#/$defs/name'."
            );
        JsonElement element = document;
        string place = "#";
        foreach (string part in path.Skip(1))
        {
            element =
                Member(element, place, part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))
                ?? throw new SchemaException(user, "$ref", $"is '{PlainText.Quote(reference)}', which is not in the schema.");
            place += $"/{part}";
        }

        return element;
    }

    private JsonElement? Member(JsonElement parent, string place, string name)
    {
        if (parent.ValueKind == JsonValueKind.Array)
            return int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < parent.GetArrayLength()
                ? parent[index]
                : null;
        if (parent.ValueKind != JsonValueKind.Object)
            return null;
        if (!indexes.TryGetValue(place, out Dictionary<string, JsonElement>? members))
        {
            indexes.Add(place, members = []);
            foreach (JsonProperty member in parent.EnumerateObject())
                members[member.Name] = member.Value;
        }

        return members.TryGetValue(name, out JsonElement found) ? found : null;
    }
}
