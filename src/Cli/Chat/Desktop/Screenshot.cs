namespace Tessera.Cli.Chat.Desktop;

/// <summary>Takes a picture of the screen, or of the part that is chosen, with the program that the system has for it.</summary>
internal static class Screenshot
{
    // Each writes a PNG to the file that stands for {0}; those that let a part be chosen first.
    private static readonly (string Program, string[] Arguments)[] OfUnix =
    [
        ("screencapture", ["-i", "{0}"]),
        ("gnome-screenshot", ["-a", "-f", "{0}"]),
        ("spectacle", ["-b", "-n", "-r", "-o", "{0}"]),
        ("grim", ["{0}"]),
        ("maim", ["-s", "{0}"]),
        ("scrot", ["-s", "{0}"]),
        ("xfce4-screenshooter", ["-r", "-s", "{0}"]),
    ];

    private const string OfWindows =
        "Add-Type -AssemblyName System.Windows.Forms, System.Drawing; $b = [Windows.Forms.SystemInformation]::VirtualScreen;"
        + "$p = New-Object Drawing.Bitmap $b.Width, $b.Height; $g = [Drawing.Graphics]::FromImage($p);"
        + "$g.CopyFromScreen($b.Left, $b.Top, 0, 0, $b.Size); $p.Save('{0}', [Drawing.Imaging.ImageFormat]::Png)";

    /// <summary>The picture.</summary>
    /// <exception cref="TesseraException">There is no program for it, or none was taken.</exception>
    public static async Task<PromptImage> TakeAsync(CancellationToken cancellationToken)
    {
        (string program, string[] arguments) = OperatingSystem.IsWindows()
            ? ("powershell", ["-NoProfile", "-NonInteractive", "-Command", OfWindows])
            : OfUnix.FirstOrDefault(static known => SystemProgram.IsInstalled(known.Program));
        if (program is null)
            throw new TesseraException(
                "There is no program here that takes a picture of the screen: install one of "
                    + $"{string.Join(", ", OfUnix.Skip(1).Select(static known => known.Program))}."
            );
        DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-screen-");
        string file = Path.Combine(folder.FullName, "screen.png");
        try
        {
            string[] filled = [.. arguments.Select(argument => argument.Replace("{0}", file, StringComparison.Ordinal))];
            byte[]? output = await SystemProgram.RunAsync(program, filled, cancellationToken);
            return output is not null && File.Exists(file)
                ? new PromptImage(await File.ReadAllBytesAsync(file, cancellationToken), "screen")
                : throw new TesseraException($"{program} took no picture of the screen.");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
