namespace Tessera.ChatTemplates;

/// <summary>Which of the special names a macro's body mentions; only those does a call accept.</summary>
internal sealed class SpecialNames
{
    public bool Caller { get; set; }

    public bool Keywords { get; set; }

    public bool Varargs { get; set; }
}

/// <summary>A macro as written, or the body of a call block.</summary>
internal sealed record MacroDefinition(
    string Name,
    IReadOnlyList<(string Name, Expression? Default)> Parameters,
    Body Body,
    SpecialNames Mentions
);

internal sealed class MacroStatement(int offset, MacroDefinition definition) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        state.Scope.Set(definition.Name, new MacroValue(definition, state.Scope));
        return Flow.Next;
    }
}

/// <summary>A call block: calls a macro, which can render the block's body by calling <c>caller</c>.</summary>
internal sealed class CallBlockStatement(int offset, MacroDefinition definition, CallExpression call) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        state.Write(state.ToText(call.Call(state, new MacroValue(definition, state.Scope))));
        return Flow.Next;
    }
}

/// <summary>A macro bound to the scope that defines it (Jinja2 3.1.6, runtime.py, Macro).</summary>
internal sealed class MacroValue(MacroDefinition definition, Scope definitionScope) : TemplateValue
{
    internal override string TypeName => "Macro";

    internal override string TypeDescription => "jinja2.runtime.Macro object";

    internal override bool IsCallable => true;

    internal override TemplateValue? GetAttribute(string name) =>
        name switch
        {
            "name" => new StringValue(definition.Name),
            "arguments" => new ListValue([.. definition.Parameters.Select(parameter => From(parameter.Name))], SequenceKind.Tuple),
            "caller" => BooleanValue.Of(definition.Mentions.Caller),
            "catch_kwargs" => BooleanValue.Of(definition.Mentions.Keywords),
            "catch_varargs" => BooleanValue.Of(definition.Mentions.Varargs),
            _ => null,
        };

    internal override TemplateValue Call(RenderState state, CallArguments arguments)
    {
        state.Meter.Enter();
        Scope scope = new(definitionScope);
        Bind(state, scope, arguments);
        string text = state.Capture(() => definition.Body.ExecuteIn(state, scope));
        state.Meter.Leave();
        return state.Text(text);
    }

    internal override void WriteRepr(ValueWriter writer) => writer.Write($"<Macro {PythonText.Repr(definition.Name)}>");

    private void Bind(RenderState state, Scope scope, CallArguments arguments)
    {
        OrderedDictionary<string, TemplateValue> named = new(arguments.Named);
        Scope outer = state.Scope;
        state.Scope = scope;
        BindParameters(state, scope, arguments.Positional, named);
        BindSpecialNames(scope, arguments.Positional, named);
        state.Scope = outer;
    }

    private void BindParameters(
        RenderState state,
        Scope scope,
        IReadOnlyList<TemplateValue> positional,
        OrderedDictionary<string, TemplateValue> named
    )
    {
        for (int index = 0; index < definition.Parameters.Count; index++)
        {
            (string name, Expression? fallback) = definition.Parameters[index];
            TemplateValue? value = index < positional.Count ? positional[index] : null;
            if (value is null && named.Remove(name, out TemplateValue? given))
                value = given;
            scope.Set(name, value ?? fallback?.Evaluate(state) ?? new UndefinedValue($"parameter '{name}' was not provided"));
        }
    }

    private void BindSpecialNames(Scope scope, IReadOnlyList<TemplateValue> positional, OrderedDictionary<string, TemplateValue> named)
    {
        bool HasParameter(string name) => definition.Parameters.Any(parameter => parameter.Name == name);
        if (definition.Mentions.Caller && !HasParameter("caller"))
            scope.Set("caller", named.Remove("caller", out TemplateValue? caller) ? caller : new UndefinedValue("No caller defined"));
        if (definition.Mentions.Keywords && !HasParameter("kwargs"))
        {
            scope.Set("kwargs", Map(named.Select(entry => (entry.Key, entry.Value))));
            named.Clear();
        }
        if (named.Count > 0)
            throw new TemplateFault($"macro '{definition.Name}' takes no keyword argument '{named.GetAt(0).Key}'");
        IEnumerable<TemplateValue> extra = positional.Skip(definition.Parameters.Count);
        if (definition.Mentions.Varargs && !HasParameter("varargs"))
            scope.Set("varargs", new ListValue([.. extra], SequenceKind.Tuple));
        else if (positional.Count > definition.Parameters.Count)
            throw new TemplateFault($"macro '{definition.Name}' takes not more than {definition.Parameters.Count} argument(s)");
    }
}
