namespace Tessera.ChatTemplates;

/// <summary>An expression of a parsed template.</summary>
internal abstract class Expression(int offset)
{
    public int Offset { get; } = offset;

    public TemplateValue Evaluate(RenderState state)
    {
        state.Offset = Offset;
        state.Meter.Step();
        RenderMeter.RequireStack();
        return Compute(state);
    }

    protected abstract TemplateValue Compute(RenderState state);
}

/// <summary>How a statement ends: normally, or by leaving the loop's round or the loop around it.</summary>
internal enum Flow
{
    Next,
    Continue,
    Break,
}

/// <summary>A statement of a parsed template.</summary>
internal abstract class Statement(int offset)
{
    public int Offset { get; } = offset;

    public Flow Execute(RenderState state)
    {
        state.Offset = Offset;
        state.Meter.Step();
        RenderMeter.RequireStack();
        return Run(state);
    }

    protected abstract Flow Run(RenderState state);
}

/// <summary>Statements in order.</summary>
internal sealed class Body(IReadOnlyList<Statement> statements)
{
    public static readonly Body Empty = new([]);

    public Flow Execute(RenderState state)
    {
        foreach (Statement statement in statements)
        {
            Flow flow = statement.Execute(state);
            if (flow != Flow.Next)
                return flow;
        }
        return Flow.Next;
    }

    /// <summary>Executes the statements with names of their own.</summary>
    public Flow ExecuteIn(RenderState state, Scope scope)
    {
        Scope outer = state.Scope;
        state.Scope = scope;
        Flow flow = Execute(state);
        state.Scope = outer;
        return flow;
    }
}
