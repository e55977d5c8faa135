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
