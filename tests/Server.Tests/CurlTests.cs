using System.Diagnostics;
using System.Text.RegularExpressions;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>The examples of docs/serve.md, as somebody would type them.</summary>
public sealed partial class CurlTests(TinyServer server) : IClassFixture<TinyServer>
{
    public static TheoryData<int> Examples { get; } = [.. Enumerable.Range(0, Texts().Count)];

    [CurlTheory]
    [MemberData(nameof(Examples))]
    public async Task A_documented_example_works(int index)
    {
        string text = Texts()[index].Replace("http://localhost:8427", server.Address.ToString().TrimEnd('/'), StringComparison.Ordinal);
        string script = $"set -euo pipefail\n{text.Replace("curl ", "curl -sf ", StringComparison.Ordinal)}";
        var start = new ProcessStartInfo("bash", ["-c", script])
        {
            WorkingDirectory = RepositoryRoot.Path(),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{text}\n{output}\n{await errors}");
        Assert.NotEmpty(output);
        if (text.Contains(TinyServer.Question, StringComparison.Ordinal))
            Assert.Contains("star", output, StringComparison.Ordinal);
    }

    private static List<string> Texts() =>
        [
            .. Block()
                .Matches(File.ReadAllText(RepositoryRoot.Path("docs", "serve.md")))
                .Select(static match => match.Groups[1].Value)
                .Where(static text => text.Contains("curl ", StringComparison.Ordinal)),
        ];

    [GeneratedRegex(@"^```sh\r?\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();
}

/// <summary>Tests that need curl and a shell.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CurlTheoryAttribute : TheoryAttribute
{
    public CurlTheoryAttribute()
    {
        if (!InstalledTools.Have("curl") || !InstalledTools.Have("bash") || !InstalledTools.Have("base64"))
            Skip = "curl, bash or base64 is not installed.";
    }
}
