namespace Tessera.Cli.Tests.Support;

/// <summary>A test that needs Unix signals.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute()
    {
        if (OperatingSystem.IsWindows())
            Skip = "Windows has no signals that one process could send another.";
    }
}

/// <summary>A test that needs a pseudo-terminal, which tmux makes and draws.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TmuxFactAttribute : FactAttribute
{
    public TmuxFactAttribute()
    {
        if (!InstalledTools.Have("tmux"))
            Skip = "tmux is not installed; it makes the pseudo-terminal of this test.";
    }
}

/// <summary>A test that needs a program on PATH.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ToolFactAttribute : FactAttribute
{
    public ToolFactAttribute(string tool)
    {
        if (!InstalledTools.Have(tool))
            Skip = $"{tool} is not installed.";
    }
}

/// <summary>Tests that need one of these programs on PATH.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ToolTheoryAttribute : TheoryAttribute
{
    public ToolTheoryAttribute(params string[] tools)
    {
        if (!tools.Any(InstalledTools.Have))
            Skip = $"Neither of {string.Join(", ", tools)} is installed.";
    }
}

/// <summary>Tests that need a pseudo-terminal, which tmux makes and draws.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TmuxTheoryAttribute : TheoryAttribute
{
    public TmuxTheoryAttribute()
    {
        if (!InstalledTools.Have("tmux"))
            Skip = "tmux is not installed; it makes the pseudo-terminal of this test.";
    }
}
