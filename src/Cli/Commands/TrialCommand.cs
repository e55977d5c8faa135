namespace Tessera.Cli.Commands;

/// <summary>
/// <c>tessera try-model FILE</c>, which people do not type: the program starts itself with it to try a model that is new to this machine,
/// and is the one to end where llama.cpp does not survive the file.
/// </summary>
internal static class TrialCommand
{
    private const string Name = "try-model";

    /// <summary>Whether a command line is that of a trial.</summary>
    public static bool Matches(string[] arguments) => arguments is [Name, _, ..];

    public static int Run(string[] arguments)
    {
        using Stream input = Console.OpenStandardInput();
        return ModelTrial.Run(arguments[1..], input, Console.Out);
    }

    /// <summary>How to start this program again; null where that cannot be told.</summary>
    public static ModelTrial? ForThisProgram()
    {
        if (Environment.ProcessPath is not { } program)
            return null;
        // "dotnet tessera.dll" is the .NET host with a library.
        bool isHost = Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase);
        string library = Path.Combine(AppContext.BaseDirectory, "tessera.dll");
        if (isHost && !File.Exists(library))
            return null;
        return new ModelTrial { Program = program, Arguments = isHost ? [library, Name] : [Name] };
    }
}
