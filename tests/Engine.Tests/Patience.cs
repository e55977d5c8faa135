namespace Tessera.Engine.Tests;

/// <summary>How long tests wait for what has to come: on the slowest machine it comes before, and what has not come never will.</summary>
internal static class Patience
{
    /// <summary>Shorter than what the test runner calls a hang.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until something is so that nothing tells of.</summary>
    public static Task UntilAsync(Func<bool> isSo, string what) => UntilAsync(() => Task.FromResult(isSo()), what);

    /// <summary>Waits until something is so that has to be asked for.</summary>
    public static async Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        for (long end = Environment.TickCount64 + (long)Limit.TotalMilliseconds; !await isSo(); await Task.Delay(Pause))
            Assert.True(Environment.TickCount64 < end, $"It never came: {what}.");
    }
}
