using Tessera.Text.Trial;

namespace Tessera;

/// <summary>
/// How a language model that this machine has not loaded before is first tried in a process of its own: llama.cpp ends the process that
/// loads certain damaged files, and there it ends only that one. What comes of it is remembered in a folder.
/// </summary>
/// <remarks>
/// The host names a program, usually its own executable with arguments of its choice, which calls <see cref="Run"/> and does nothing
/// else. The trial reads the vocabulary and decodes a few tokens on the processor from the mapped file.
/// </remarks>
public sealed record ModelTrial
{
    /// <summary>The program to start.</summary>
    public required string Program { get; init; }

    /// <summary>The program's arguments, before those that <see cref="Run"/> takes.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Where results are remembered; null takes the user's cache folder, or none where there is no such folder.</summary>
    public string? Folder { get; init; } = UserFolder();

    /// <summary>Computing that any model is allowed, and each gigabyte some more: only endless loops exceed it.</summary>
    internal TimeSpan LeastWork { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>
    /// The trial itself, for the program that <see cref="Program"/> names. It never returns where llama.cpp does not, and ends the process
    /// when the one that started it is gone.
    /// </summary>
    /// <param name="arguments">What followed <see cref="Arguments"/> on the command line.</param>
    /// <param name="input">Standard input, which ends with the process that started this one.</param>
    /// <param name="output">Standard output.</param>
    /// <returns>The exit code.</returns>
    public static int Run(IReadOnlyList<string> arguments, Stream input, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        return TrialSubject.Run(arguments, input, output);
    }

    private static string? UserFolder()
    {
        string? root =
            OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : OperatingSystem.IsMacOS() ? InHome("Library", "Caches")
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } chosen && Path.IsPathFullyQualified(chosen) ? chosen
            : InHome(".cache");
        return string.IsNullOrEmpty(root) ? null : Path.Combine(root, "tessera", "tried-models");
    }

    private static string? InHome(params ReadOnlySpan<string> names)
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return home.Length == 0 ? null : Path.Combine([home, .. names]);
    }
}
