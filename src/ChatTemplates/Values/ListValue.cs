using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>Which of Python's sequences a <see cref="ListValue"/> stands for.</summary>
internal enum SequenceKind
{
    List,
    Tuple,
    Range,
}

/// <summary>A list, a tuple or a range. Never changed once a template can see it: the sandbox forbids append and its like.</summary>
internal sealed class ListValue(IReadOnlyList<TemplateValue> values, SequenceKind kind = SequenceKind.List) : TemplateValue
{
    private static readonly string[] MutatingMethods = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];

    public IReadOnlyList<TemplateValue> Values { get; } = values;

    public SequenceKind Kind { get; } = kind;

    internal override string TypeName =>
        Kind switch
        {
            SequenceKind.Tuple => "tuple",
            SequenceKind.Range => "range",
            _ => "list",
        };

    internal override bool IsTrue => Values.Count > 0;

    internal override int? Length => Values.Count;

    internal override bool IsIndexable => true;

    internal override IEnumerable<TemplateValue> Items => Values;

    internal override TemplateValue? GetItem(TemplateValue key)
    {
        if (key.AsInteger is not { } index)
            return null;
        if (index.Sign < 0)
            index += Values.Count;
        return index.Sign >= 0 && index < Values.Count ? Values[(int)index] : null;
    }

    internal override TemplateValue GetSlice(SliceBounds bounds) =>
        new ListValue(
            [.. bounds.Indices(Values.Count).Select(index => Values[index])],
            Kind == SequenceKind.Range ? SequenceKind.List : Kind
        );

    internal override TemplateValue? GetAttribute(string name) =>
        name switch
        {
            "count" => new FunctionValue("count", (state, arguments) => Count(state, arguments.One("count"))),
            "index" => new FunctionValue("index", (state, arguments) => IndexOf(state, arguments.One("index"))),
            "copy" when Kind == SequenceKind.List => new FunctionValue("copy", (_, _) => this),
            _ when Kind == SequenceKind.List && MutatingMethods.Contains(name) => UndefinedValue.Unsafe(this, name),
            _ => null,
        };

    internal override void WriteRepr(ValueWriter writer)
    {
        if (Kind == SequenceKind.Range)
            WriteRange(writer);
        else
            writer.WriteSequence(Values, Kind == SequenceKind.Tuple ? ("(", Values.Count == 1 ? ",)" : ")") : ("[", "]"));
    }

    private void WriteRange(ValueWriter writer)
    {
        BigInteger first = Values.Count > 0 ? Values[0].AsInteger!.Value : BigInteger.Zero;
        BigInteger step = Values.Count > 1 ? Values[1].AsInteger!.Value - first : BigInteger.One;
        BigInteger stop = first + (step * Values.Count);
        writer.Write(step.IsOne ? $"range({first}, {stop})" : $"range({first}, {stop}, {step})");
    }

    private IntegerValue Count(RenderState state, TemplateValue wanted) =>
        new(Values.Count(item => PythonComparison.Equal(state.Meter, item, wanted)));

    private IntegerValue IndexOf(RenderState state, TemplateValue wanted)
    {
        for (int index = 0; index < Values.Count; index++)
            if (PythonComparison.Equal(state.Meter, Values[index], wanted))
                return new IntegerValue(index);
        throw new TemplateFault($"{TypeName}.index(x): x not in {TypeName}");
    }
}
