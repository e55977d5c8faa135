namespace Tessera.ChatTemplates;

/// <summary>Text between tags.</summary>
internal sealed class TextStatement(int offset, string text) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        state.Write(text);
        return Flow.Next;
    }
}

/// <summary>A print tag, or a print statement with several expressions.</summary>
internal sealed class PrintStatement(int offset, IReadOnlyList<Expression> expressions) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        foreach (Expression expression in expressions)
            state.Write(state.ToText(expression.Evaluate(state)));
        return Flow.Next;
    }
}

/// <summary>An if with its elifs and its else.</summary>
internal sealed class IfStatement(int offset, IReadOnlyList<(Expression Condition, Body Body)> branches, Body otherwise) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        foreach ((Expression condition, Body body) in branches)
            if (condition.Evaluate(state).IsTrue)
                return body.Execute(state);
        return otherwise.Execute(state);
    }
}

internal sealed class SetStatement(int offset, AssignTarget target, Expression value) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        TemplateValue assigned = value.Evaluate(state);
        state.Offset = Offset;
        target.Assign(state, state.Scope, assigned);
        return Flow.Next;
    }
}

/// <summary>A set block: the target gets the text of the body, filtered.</summary>
internal sealed class SetBlockStatement(int offset, AssignTarget target, FilterExpression? filter, Body body) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        Flow flow = Flow.Next;
        string text = state.Capture(() => flow = body.ExecuteIn(state, new Scope(state.Scope)));
        if (flow != Flow.Next)
            return flow;
        TemplateValue value = state.Text(text);
        target.Assign(state, state.Scope, filter is null ? value : filter.Apply(state, value));
        return Flow.Next;
    }
}

/// <summary>A filter block: prints the text of the body, filtered.</summary>
internal sealed class FilterBlockStatement(int offset, FilterExpression filter, Body body) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        Flow flow = Flow.Next;
        string text = state.Capture(() => flow = body.ExecuteIn(state, new Scope(state.Scope)));
        if (flow == Flow.Next)
            state.Write(state.ToText(filter.Apply(state, state.Text(text))));
        return flow;
    }
}

/// <summary>A with block: names that hold inside only.</summary>
internal sealed class WithStatement(int offset, IReadOnlyList<(AssignTarget Target, Expression Value)> assignments, Body body)
    : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        Scope inner = new(state.Scope);
        foreach ((AssignTarget target, Expression value) in assignments)
            target.Assign(state, inner, value.Evaluate(state));
        return body.ExecuteIn(state, inner);
    }
}

/// <summary>A body with a scope of its own: a generation block around what the assistant says, or a named block.</summary>
internal sealed class ScopeStatement(int offset, Body body, bool seesOnlyRoot) : Statement(offset)
{
    protected override Flow Run(RenderState state) => body.ExecuteIn(state, new Scope(seesOnlyRoot ? state.Scope.Root : state.Scope));
}

/// <summary>A break or a continue.</summary>
internal sealed class JumpStatement(int offset, Flow flow) : Statement(offset)
{
    protected override Flow Run(RenderState state) => flow;
}
