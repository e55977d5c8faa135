namespace Tessera.Templates;

/// <summary>The <c>loop</c> of a for block; looks one item ahead only when asked (Jinja2 3.1.6, runtime.py, LoopContext).</summary>
internal sealed class LoopValue(IEnumerable<TemplateValue> items, int? knownLength, int depth) : TemplateValue
{
    private IEnumerator<TemplateValue> _remaining = items.GetEnumerator();
    private int? _length = knownLength;
    private int _index0 = -1;
    private bool _hasPeeked;
    private TemplateValue? _next;
    private TemplateValue? _current;
    private TemplateValue? _previous;
    private IReadOnlyList<TemplateValue>? _lastChanged;

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
        _hasPeeked = false;
        item = following ?? None;
        if (following is null)
            return false;
        _index0++;
        _previous = _current;
        _current = following;
        return true;
    }

    internal override TemplateValue? GetAttribute(string name) => name switch
    {
        "index" => new IntegerValue(_index0 + 1),
        "index0" => new IntegerValue(_index0),
        "revindex" => new IntegerValue(CountAll() - _index0),
        "revindex0" => new IntegerValue(CountAll() - _index0 - 1),
        "first" => BooleanValue.Of(_index0 == 0),
        "last" => BooleanValue.Of(Peek() is null),
        "length" => new IntegerValue(CountAll()),
        "depth" => new IntegerValue(depth + 1),
        "depth0" => new IntegerValue(depth),
        "previtem" => _index0 == 0 ? new UndefinedValue("there is no previous item") : _previous,
        "nextitem" => Peek() ?? new UndefinedValue("there is no next item"),
        "cycle" => new FunctionValue("cycle", Cycle),
        "changed" => new FunctionValue("changed", Changed),
        _ => null,
    };

    internal override TemplateValue Call(RenderState state, CallArguments arguments) => Recurse is null
        ? throw new TemplateFault("The loop must have the 'recursive' marker to be called recursively.")
        : state.Text(Recurse(state, arguments.One("loop"), depth + 1));

    internal override void WriteRepr(ValueWriter writer) => writer.Write($"<LoopContext {_index0 + 1}/{CountAll()}>");

    private TemplateValue? Peek()
    {
        if (_hasPeeked)
            return _next;
        _hasPeeked = true;
        return _next = _remaining.MoveNext() ? _remaining.Current : null;
    }

    private int CountAll()
    {
        if (_length is { } known)
            return known;
        bool hasNext = _hasPeeked && _next is not null;
        List<TemplateValue> rest = [];
        while (!(_hasPeeked && _next is null) && _remaining.MoveNext())
            rest.Add(_remaining.Current);
        _remaining = rest.GetEnumerator();
        _length = rest.Count + _index0 + 1 + (hasNext ? 1 : 0);
        return _length.Value;
    }

    private TemplateValue Cycle(RenderState state, CallArguments arguments) => arguments.Positional.Count == 0
        ? throw new TemplateFault("no items for cycling given")
        : arguments.Positional[_index0 % arguments.Positional.Count];

    private BooleanValue Changed(RenderState state, CallArguments arguments)
    {
        bool same = _lastChanged is { } last && last.Count == arguments.Positional.Count
            && last.Zip(arguments.Positional).All(pair => PythonComparison.Equal(state.Meter, pair.First, pair.Second));
        _lastChanged = arguments.Positional;
        return BooleanValue.Of(!same);
    }
}
