namespace Tessera.ChatTemplates;

/// <summary>What a parser knows about the blocks around the place it is at.</summary>
internal sealed class ParserContext
{
    private readonly Stack<SpecialNames> macros = new();

    private readonly List<TemplateFault> unknown = [];

    // Inside an if, Jinja2 reports an unknown filter or test only when rendering reaches it.
    private bool isConditional;

    /// <summary>Whether break and continue have a loop to act on.</summary>
    public bool IsInLoop { get; private set; }

    /// <summary>How many unknown filters and tests are to be reported when the whole template is parsed.</summary>
    public int UnknownCount => unknown.Count;

    /// <summary>Notes an unknown filter or test.</summary>
    public void ReportUnknown(string problem, int offset)
    {
        if (!isConditional)
            unknown.Add(new TemplateFault(problem) { Offset = offset });
    }

    /// <summary>Takes back notes about what turned out to be part of a conditional expression.</summary>
    public void ForgetUnknownSince(int count) => unknown.RemoveRange(count, unknown.Count - count);

    /// <summary>Fails with the first noted unknown filter or test, if there is one.</summary>
    public void RequireAllKnown()
    {
        if (unknown.Count > 0)
            throw unknown[0];
    }

    /// <summary>Notes for all macros around that their body mentions a special name.</summary>
    public void Mention(string name)
    {
        foreach (SpecialNames macro in macros)
        {
            macro.Caller |= name == "caller";
            macro.Keywords |= name == "kwargs";
            macro.Varargs |= name == "varargs";
        }
    }

    /// <summary>Parses a part as the body of a macro and says which special names it mentions.</summary>
    public (Body Body, SpecialNames Mentions) InMacro(Func<Body> parse)
    {
        SpecialNames mentions = new();
        macros.Push(mentions);
        Body body = InFunction(parse);
        macros.Pop();
        return (body, mentions);
    }

    /// <summary>Parses the branch of an if.</summary>
    public T InCondition<T>(Func<T> parse) => Within(isConditional: true, IsInLoop, parse);

    /// <summary>Parses a block with names of its own.</summary>
    public Body InBlock(Func<Body> parse) => Within(isConditional: false, IsInLoop, parse);

    /// <summary>Parses the body of a loop.</summary>
    public Body InLoop(Func<Body> parse) => Within(isConditional: false, isInLoop: true, parse);

    /// <summary>Parses a body that becomes a function of its own, out of which no loop can be left.</summary>
    public Body InFunction(Func<Body> parse) => Within(isConditional: false, isInLoop: false, parse);

    private T Within<T>(bool isConditional, bool isInLoop, Func<T> parse)
    {
        (bool wasConditional, bool wasInLoop) = (this.isConditional, IsInLoop);
        (this.isConditional, IsInLoop) = (isConditional, isInLoop);
        T part = parse();
        (this.isConditional, IsInLoop) = (wasConditional, wasInLoop);
        return part;
    }
}
