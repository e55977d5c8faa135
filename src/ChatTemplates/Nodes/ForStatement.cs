namespace Tessera.ChatTemplates;

/// <summary>A for loop with its optional filter, else and recursion (Jinja2 3.1.6, compiler.py, visit_For).</summary>
internal sealed class ForStatement(
    int offset,
    AssignTarget target,
    Expression source,
    Expression? filter,
    Body body,
    Body otherwise,
    bool isRecursive
) : Statement(offset)
{
    protected override Flow Run(RenderState state)
    {
        TemplateValue items = source.Evaluate(state);
        state.Offset = Offset;
        if (isRecursive)
            state.Write(RenderLevel(state, state.Scope, items, 0));
        else
            RunLevel(state, state.Scope, items, 0);
        return Flow.Next;
    }

    private string RenderLevel(RenderState state, Scope outer, TemplateValue items, int depth)
    {
        state.Meter.Enter();
        Scope caller = state.Scope;
        state.Scope = outer;
        string text = state.Capture(() => RunLevel(state, outer, items, depth));
        state.Scope = caller;
        state.Meter.Leave();
        return text;
    }

    private void RunLevel(RenderState state, Scope outer, TemplateValue items, int depth)
    {
        LoopValue loop = new(Filtered(state, outer, state.Iterate(items)), filter is null ? items.Length : null, depth)
        {
            Recurse = isRecursive ? (inner, children, level) => RenderLevel(inner, outer, children, level) : null,
        };
        bool hasCompletedRound = false;
        while (loop.MoveNext(out TemplateValue item))
        {
            Scope round = new(outer);
            round.Set("loop", loop);
            target.Assign(state, round, item);
            Flow flow = body.ExecuteIn(state, round);
            if (flow == Flow.Break)
                break;
            // Jinja2 skips the else only after a round that ran to its end.
            hasCompletedRound |= flow == Flow.Next;
        }
        if (!hasCompletedRound)
            otherwise.ExecuteIn(state, new Scope(outer));
    }

    private IEnumerable<TemplateValue> Filtered(RenderState state, Scope outer, IEnumerable<TemplateValue> items) =>
        filter is null ? items : items.Where(item => Passes(state, outer, item));

    private bool Passes(RenderState state, Scope outer, TemplateValue item)
    {
        Scope current = state.Scope;
        state.Scope = new Scope(outer);
        target.Assign(state, state.Scope, item);
        bool passes = filter!.Evaluate(state).IsTrue;
        state.Scope = current;
        return passes;
    }
}
