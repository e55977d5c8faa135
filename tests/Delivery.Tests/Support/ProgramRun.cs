using System.Reflection;

namespace Tessera.Delivery.Tests.Support;

/// <summary>Runs a program's entry point inside this process, where native handles can be counted.</summary>
internal static class ProgramRun
{
    /// <summary>Runs to the end; an exception of the program is thrown as it is.</summary>
    /// <returns>The exit code, and what was written to standard output and error.</returns>
    public static async Task<(int ExitCode, string Out, string Error)> RunAsync(MethodInfo entry, params string[] arguments)
    {
        TextWriter outer = Console.Out,
            outerError = Console.Error;
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        Console.SetOut(TextWriter.Synchronized(output));
        Console.SetError(TextWriter.Synchronized(error));
        try
        {
            object?[] parameters = entry.GetParameters().Length > 0 ? [arguments] : [];
            object? code = await Task.Run(() => entry.Invoke(null, BindingFlags.DoNotWrapExceptions, null, parameters, null))
                .WaitAsync(Patience.Limit);
            return (code as int? ?? 0, output.ToString(), error.ToString());
        }
        finally
        {
            Console.SetOut(outer);
            Console.SetError(outerError);
        }
    }
}
