using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Tessera.ChatTemplates;

public abstract partial class TemplateValue
{
    /// <summary>The value of a JSON document, as Python's json.loads gives it: integers of any size, other numbers as floats.</summary>
    public static TemplateValue FromJson(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.String => From(json.GetString()!),
            JsonValueKind.True => From(true),
            JsonValueKind.False => From(false),
            JsonValueKind.Number => Number(json.GetRawText()),
            JsonValueKind.Array => List(json.EnumerateArray().Select(FromJson)),
            JsonValueKind.Object => Map(json.EnumerateObject().Select(property => (property.Name, FromJson(property.Value)))),
            _ => None,
        };

    private static TemplateValue Number(string text) =>
        text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0
            ? From(double.Parse(text, CultureInfo.InvariantCulture))
            : IntegerValue.Checked(BigInteger.Parse(text, CultureInfo.InvariantCulture));
}
