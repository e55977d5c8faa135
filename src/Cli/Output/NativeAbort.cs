using Tessera.Cli.Commands;

namespace Tessera.Cli.Output;

/// <summary>
/// What a user sees when an assertion in llama.cpp ends the process: the engine's checks of a model file catch what they know of,
/// and this catches the rest.
/// </summary>
internal static class NativeAbort
{
    /// <summary>Names the files that are at fault if it happens from now on.</summary>
    public static void Blame(CliConsole console, string files) =>
        NativeFailure.Handler = reason =>
        {
            console.Fail(
                $"{files}: llama.cpp cannot go on ({reason}): the file is probably damaged or badly converted, so download it again.",
                "model_file"
            );
            Environment.Exit(ExitCode.Failed);
        };
}
