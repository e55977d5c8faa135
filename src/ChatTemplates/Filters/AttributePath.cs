using System.Globalization;

namespace Tessera.ChatTemplates;

/// <summary>An attribute as filters name it: names and indices with dots between them (Jinja2 3.1.6, filters.py,
/// make_attrgetter).</summary>
internal sealed class AttributePath
{
    private readonly TemplateValue[] parts;

    private AttributePath(TemplateValue[] parts) => this.parts = parts;

    /// <summary>The path in an argument; no argument is the value itself.</summary>
    public static AttributePath Parse(TemplateValue? attribute) =>
        attribute switch
        {
            null or NoneValue => new AttributePath([]),
            StringValue text => new AttributePath([.. text.Text.Split('.').Select(Part)]),
            _ => new AttributePath([attribute]),
        };

    /// <summary>The value at the path; <paramref name="fallback"/> stands in for what is missing.</summary>
    public TemplateValue Get(RenderState state, TemplateValue value, TemplateValue? fallback = null)
    {
        foreach (TemplateValue part in parts)
        {
            value = ValueAccess.Item(state, value, part);
            if (fallback is not (null or NoneValue) && value is UndefinedValue)
                value = fallback;
        }
        return value;
    }

    /// <summary>The value at the path as sorting compares it: strings in lower case unless case matters.</summary>
    public TemplateValue GetKey(RenderState state, TemplateValue value, bool isCaseSensitive, TemplateValue? fallback = null) =>
        FoldCase(Get(state, value, fallback), isCaseSensitive);

    /// <summary>A string in lower case; everything else, and all where case matters, as it is.</summary>
    public static TemplateValue FoldCase(TemplateValue value, bool isCaseSensitive) =>
        value is StringValue text && !isCaseSensitive ? new StringValue(PythonCase.Lower(text.Text)) : value;

    private static TemplateValue Part(string part) =>
        part.Length > 0 && part.Length < 10 && part.All(char.IsAsciiDigit)
            ? new IntegerValue(int.Parse(part, CultureInfo.InvariantCulture))
            : new StringValue(part);
}
