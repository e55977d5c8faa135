namespace Tessera.ChatTemplates;

/// <summary>The <c>loop</c> of a for block; looks one item ahead only when asked (Jinja2 3.1.6, runtime.py, LoopContext).</summary>
internal sealed class LoopValue(IEnumerable<TemplateValue> items, int? knownLength, int depth) : TemplateValue
{
    private IEnumerator<TemplateValue> remaining = items.GetEnumerator();
    private int? length = knownLength;
    private int index0 = -1;
    private bool hasPeeked;
    private TemplateValue? next;
    private TemplateValue? current;
    private TemplateValue? previous;
    private IReadOnlyList<TemplateValue>? lastChanged;

    /// <summary>Renders the loop's body over another sequence; set when the loop is marked recursive.</summary>
    public Func<RenderState, TemplateValue, int, string>? Recurse { get; init; }

    internal override string TypeName => "LoopContext";

    internal override string TypeDescription => "jinja2.runtime.LoopContext object";

    internal override int? Length => CountAll();

    internal override bool IsCallable => true;

    /// <summary>Goes to the next item; false at the end.</summary>
    public bool MoveNext(out TemplateValue item)
    {
        TemplateValue? following = Peek();
        hasPeeked = false;
        item = following ?? None;
        if (following is null)
            return false;
        index0++;
        previous = current;
        current = following;
        return true;
    }

    internal override TemplateValue? GetAttribute(string name) =>
        name switch
        {
            "index" => new IntegerValue(index0 + 1),
            "index0" => new IntegerValue(index0),
            "revindex" => new IntegerValue(CountAll() - index0),
            "revindex0" => new IntegerValue(CountAll() - index0 - 1),
            "first" => BooleanValue.Of(index0 == 0),
            "last" => BooleanValue.Of(Peek() is null),
            "length" => new IntegerValue(CountAll()),
            "depth" => new IntegerValue(depth + 1),
            "depth0" => new IntegerValue(depth),
            "previtem" => index0 == 0 ? new UndefinedValue("there is no previous item") : previous,
            "nextitem" => Peek() ?? new UndefinedValue("there is no next item"),
            "cycle" => new FunctionValue("cycle", Cycle),
            "changed" => new FunctionValue("changed", Changed),
            _ => null,
        };

    internal override TemplateValue Call(RenderState state, CallArguments arguments) =>
        Recurse is null
            ? throw new TemplateFault("The loop must have the 'recursive' marker to be called recursively.")
            : state.Text(Recurse(state, arguments.One("loop"), depth + 1));

    internal override void WriteRepr(ValueWriter writer) => writer.Write($"<LoopContext {index0 + 1}/{CountAll()}>");

    private TemplateValue? Peek()
    {
        if (hasPeeked)
            return next;
        hasPeeked = true;
        return next = remaining.MoveNext() ? remaining.Current : null;
    }

    private int CountAll()
    {
        if (length is { } known)
            return known;
        bool hasNext = hasPeeked && next is not null;
        List<TemplateValue> rest = [];
        while (!(hasPeeked && next is null) && remaining.MoveNext())
            rest.Add(remaining.Current);
        remaining = rest.GetEnumerator();
        length = rest.Count + index0 + 1 + (hasNext ? 1 : 0);
        return length.Value;
    }

    private TemplateValue Cycle(RenderState state, CallArguments arguments) =>
        arguments.Positional.Count == 0
            ? throw new TemplateFault("no items for cycling given")
            : arguments.Positional[index0 % arguments.Positional.Count];

    private BooleanValue Changed(RenderState state, CallArguments arguments)
    {
        bool same =
            lastChanged is { } last
            && last.Count == arguments.Positional.Count
            && last.Zip(arguments.Positional).All(pair => PythonComparison.Equal(state.Meter, pair.First, pair.Second));
        lastChanged = arguments.Positional;
        return BooleanValue.Of(!same);
    }
}
