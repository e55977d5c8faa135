using System.Text;

namespace Tessera.Cli.Output;

/// <summary>Windows' console, which has a code page for what is written and another for what is typed; other systems have UTF-8.</summary>
internal static class WindowsConsole
{
    /// <summary>Lets the console take UTF-8 until the process ends; does nothing elsewhere.</summary>
    public static void UseUnicode()
    {
        if (!OperatingSystem.IsWindows() || (Console.IsOutputRedirected && Console.IsErrorRedirected))
            return;
        try
        {
            Encoding before = Console.OutputEncoding;
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
            // The code page is the console's, which outlives the program.
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Restore(before);
        }
        catch (IOException)
        {
            // There is no console behind the handles.
        }
    }

    /// <summary>What is typed, as UTF-8: read as UTF-16, because reading in code page 65001 loses all but ASCII.</summary>
    public static Stream OpenInput()
    {
        Console.InputEncoding = Encoding.Unicode;
        return Encoding.CreateTranscodingStream(Console.OpenStandardInput(), Encoding.Unicode, new UTF8Encoding(false));
    }

    private static void Restore(Encoding encoding)
    {
        try
        {
            Console.OutputEncoding = encoding;
        }
        catch (IOException)
        {
            // The console has gone.
        }
    }
}
