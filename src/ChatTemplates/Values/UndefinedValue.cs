namespace Tessera.ChatTemplates;

/// <summary>
/// What a missing name or attribute gives: prints as nothing, is false and empty, and fails in every other use
/// (Jinja2 3.1.6, runtime.py, Undefined).
/// </summary>
internal sealed class UndefinedValue(string problem) : TemplateValue
{
    /// <summary>The message of a use that fails.</summary>
    public string Problem { get; } = problem;

    public static UndefinedValue Name(string name) => new($"'{name}' is undefined");

    public static UndefinedValue Attribute(TemplateValue owner, string name) => new($"'{owner.TypeDescription}' has no attribute '{name}'");

    public static UndefinedValue Element(TemplateValue owner, TemplateValue key) =>
        key is StringValue name ? Attribute(owner, name.Text) : new UndefinedValue($"{owner.TypeDescription} has no element {key}");

    public static UndefinedValue Unsafe(TemplateValue owner, string name) =>
        new($"access to attribute '{name}' of '{owner.TypeName}' object is unsafe.");

    internal override string TypeName => "Undefined";

    internal override bool IsTrue => false;

    internal override int? Length => 0;

    internal override bool IsIndexable => true;

    internal override bool IsCallable => true;

    internal override IEnumerable<TemplateValue> Items => [];

    internal override TemplateValue? GetItem(TemplateValue key) => throw Fail();

    internal override TemplateValue? GetAttribute(string name) => throw Fail();

    internal override TemplateValue? GetSlice(SliceBounds bounds) => throw Fail();

    internal override TemplateValue Call(RenderState state, CallArguments arguments) => throw Fail();

    internal override void WriteRepr(ValueWriter writer) => writer.Write("Undefined");

    internal override void WriteText(ValueWriter writer) { }

    public TemplateFault Fail() => new(Problem);
}
