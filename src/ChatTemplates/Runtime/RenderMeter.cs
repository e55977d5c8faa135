using System.Runtime.CompilerServices;

namespace Tessera.ChatTemplates;

/// <summary>Counts what a rendering costs and stops it at its limits or when it is cancelled.</summary>
internal sealed class RenderMeter(TemplateLimits limits, CancellationToken cancellationToken)
{
    private const int CancellationInterval = 1024;
    private const int CharactersPerStep = 16;
    private const int ComparisonsPerStep = 4096;
    private long steps;
    private long nextCancellationCheck;
    private int depth;

    /// <summary>Longest string that may be made.</summary>
    public int MaxLength => limits.MaxLength;

    /// <summary>Counts one step.</summary>
    public void Step() => Charge(1);

    /// <summary>Counts the handling of a string or list of this length.</summary>
    public void ChargeLength(int length) => Charge(length / CharactersPerStep);

    /// <summary>Counts a search, whose worst case is the product of both lengths.</summary>
    public void ChargeSearch(int textLength, int patternLength) =>
        Charge((textLength / CharactersPerStep) + ((long)textLength * patternLength / ComparisonsPerStep));

    /// <summary>Counts several steps.</summary>
    public void Charge(long steps)
    {
        this.steps += steps;
        if (this.steps > limits.MaxSteps)
            throw new TemplateFault($"the template takes more than {limits.MaxSteps} steps");
        if (this.steps < nextCancellationCheck)
            return;
        cancellationToken.ThrowIfCancellationRequested();
        nextCancellationCheck = this.steps + CancellationInterval;
    }

    /// <summary>Refuses a string or list that would be longer than allowed, before it is made.</summary>
    public void RequireLength(long length)
    {
        if (length > limits.MaxLength)
            throw new TemplateFault($"the template makes a text or list longer than {limits.MaxLength}");
    }

    /// <summary>Enters a macro, a recursive loop or a nested value.</summary>
    public void Enter()
    {
        if (++depth > limits.MaxDepth)
            throw new TemplateFault($"the template nests deeper than {limits.MaxDepth} calls or values");
        RequireStack();
    }

    /// <summary>Leaves what <see cref="Enter"/> entered.</summary>
    public void Leave() => depth--;

    /// <summary>Refuses to go on when the thread's stack is nearly used up, which would end the process.</summary>
    public static void RequireStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new TemplateFault("the template nests too deeply for the stack");
    }
}
