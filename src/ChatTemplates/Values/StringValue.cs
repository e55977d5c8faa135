namespace Tessera.ChatTemplates;

/// <summary>A string; <paramref name="isMarkup"/> marks one from the <c>safe</c> filter, which escapes what is added to it.</summary>
internal sealed class StringValue(string text, bool isMarkup = false) : TemplateValue
{
    public static readonly StringValue Empty = new("");

    public string Text { get; } = text;

    public bool IsMarkup { get; } = isMarkup;

    internal override string TypeName => IsMarkup ? "Markup" : "str";

    internal override string TypeDescription => IsMarkup ? "markupsafe.Markup object" : "str object";

    internal override bool IsTrue => Text.Length > 0;

    internal override int? Length => PythonText.Length(Text);

    internal override bool IsIndexable => true;

    internal override IEnumerable<TemplateValue> Items => PythonText.CodePoints(Text).Select(one => new StringValue(one, IsMarkup));

    internal override TemplateValue? GetItem(TemplateValue key)
    {
        if (key.AsInteger is not { } index)
            return null;
        string? one = PythonText.At(Text, index);
        return one is null ? null : new StringValue(one, IsMarkup);
    }

    internal override TemplateValue? GetAttribute(string name) => StringMethods.Find(this, name);

    internal override TemplateValue GetSlice(SliceBounds bounds) => new StringValue(PythonText.Slice(Text, bounds), IsMarkup);

    internal override void WriteText(ValueWriter writer) => writer.Write(Text);

    internal override void WriteRepr(ValueWriter writer)
    {
        string literal = PythonText.Repr(Text);
        writer.Write(IsMarkup ? $"Markup({literal})" : literal);
    }

    /// <summary>The text with the five characters of HTML written as references (MarkupSafe 3, escape).</summary>
    public static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace("'", "&#39;", StringComparison.Ordinal)
            .Replace("\"", "&#34;", StringComparison.Ordinal);
}
