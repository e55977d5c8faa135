namespace Tessera.Server.Tests.Support;

/// <summary>A test that needs a browser: Debian's Chromium, or the one that TESSERA_CHROMIUM names.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ChromiumFactAttribute : FactAttribute
{
    public ChromiumFactAttribute()
    {
        if (Program is null)
            Skip = "Chromium is not installed (apt-get install chromium).";
    }

    /// <summary>Where it is; null where it is not.</summary>
    public static string? Program { get; } =
        (
            (string?[])[Environment.GetEnvironmentVariable("TESSERA_CHROMIUM"), "/usr/bin/chromium", "/usr/bin/chromium-browser"]
        ).FirstOrDefault(File.Exists);
}
