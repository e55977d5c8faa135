using System.Text;

namespace Tessera.Cli.Chat.Desktop;

/// <summary>What a clipboard holds: a picture, or files, or text; at most one of them.</summary>
/// <param name="Picture">A picture's file.</param>
/// <param name="Files">Files that were copied.</param>
/// <param name="Text">Text.</param>
internal sealed record ClipboardContents(byte[]? Picture, IReadOnlyList<string> Files, string Text)
{
    public static ClipboardContents Nothing { get; } = new(null, [], "");
}

/// <summary>Reads the clipboard with what each system has for it.</summary>
internal static class Clipboard
{
    private static readonly string[] PictureTypes = ["image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "image/gif"];
    private static readonly string[] TextTypes = ["text/plain;charset=utf-8", "UTF8_STRING", "text/plain", "STRING"];

    /// <exception cref="TesseraException">There is no program that reads it.</exception>
    public static Task<ClipboardContents> ReadAsync(CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
            return OfWindowsAsync(cancellationToken);
        if (OperatingSystem.IsMacOS())
            return OfMacAsync(cancellationToken);
        bool hasWayland = IsSet("WAYLAND_DISPLAY"),
            hasX = IsSet("DISPLAY");
        if (hasWayland && SystemProgram.IsInstalled("wl-paste"))
            return OfTypesAsync("wl-paste", ["--list-types"], static type => ["--no-newline", "--type", type], cancellationToken);
        if (hasX && SystemProgram.IsInstalled("xclip"))
            return OfTypesAsync("xclip", XClip("TARGETS"), XClip, cancellationToken);
        throw new TesseraException(
            hasWayland ? "The clipboard is read with wl-paste, which is not on PATH: install wl-clipboard."
            : hasX ? "The clipboard is read with xclip, which is not on PATH: install xclip."
            : "There is no desktop here whose clipboard could be read."
        );
    }

    private static bool IsSet(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));

    private static string[] XClip(string type) => ["-selection", "clipboard", "-o", "-t", type];

    private static async Task<ClipboardContents> OfTypesAsync(
        string program,
        string[] list,
        Func<string, string[]> read,
        CancellationToken cancellationToken
    )
    {
        string[] types = TextOf(await SystemProgram.RunAsync(program, list, cancellationToken))
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (PictureTypes.FirstOrDefault(types.Contains) is { } picture)
            return new(await SystemProgram.RunAsync(program, read(picture), cancellationToken), [], "");
        if (types.Contains("text/uri-list"))
        {
            string files = TextOf(await SystemProgram.RunAsync(program, read("text/uri-list"), cancellationToken));
            return new(null, [.. Lines(files).Select(TypedPath.OfFileAddress).OfType<string>()], "");
        }

        return TextTypes.FirstOrDefault(types.Contains) is { } text
            ? new(null, [], TextOf(await SystemProgram.RunAsync(program, read(text), cancellationToken)))
            : ClipboardContents.Nothing;
    }

    // AppleScript prints the bytes as «data PNGf89504E47…».
    private static async Task<ClipboardContents> OfMacAsync(CancellationToken cancellationToken)
    {
        const string Begins = "data PNGf";
        string script = TextOf(
            await SystemProgram.RunAsync("osascript", ["-e", "the clipboard as \u00ABclass PNGf\u00BB"], cancellationToken)
        );
        int start = script.IndexOf(Begins, StringComparison.Ordinal);
        if (start >= 0)
        {
            string digits = string.Concat(script[(start + Begins.Length)..].TakeWhile(char.IsAsciiHexDigit));
            return new(Convert.FromHexString(digits[..(digits.Length / 2 * 2)]), [], "");
        }

        return new(null, [], TextOf(await SystemProgram.RunAsync("pbpaste", [], cancellationToken)));
    }

    private static async Task<ClipboardContents> OfWindowsAsync(CancellationToken cancellationToken)
    {
        const string Script =
            "Add-Type -AssemblyName System.Windows.Forms, System.Drawing; $c = [Windows.Forms.Clipboard];"
            + "if ($c::ContainsImage()) { $m = New-Object IO.MemoryStream; $c::GetImage().Save($m, [Drawing.Imaging.ImageFormat]::Png);"
            + "'P' + [Convert]::ToBase64String($m.ToArray()) }"
            + "elseif ($c::ContainsFileDropList()) { 'F' + [Convert]::ToBase64String("
            + "[Text.Encoding]::UTF8.GetBytes($c::GetFileDropList() -join \"`n\")) }"
            + "elseif ($c::ContainsText()) { 'T' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($c::GetText())) }";
        string[] arguments = ["-NoProfile", "-NonInteractive", "-STA", "-Command", Script];
        string told = TextOf(
                await SystemProgram.RunAsync("powershell", arguments, cancellationToken)
                    ?? throw new TesseraException("The clipboard is read with PowerShell, which cannot be started.")
            )
            .Trim();
        if (told.Length == 0)
            return ClipboardContents.Nothing;
        byte[] content = Convert.FromBase64String(told[1..]);
        return told[0] switch
        {
            'P' => new(content, [], ""),
            'F' => new(null, [.. Lines(TextOf(content))], ""),
            _ => new(null, [], TextOf(content)),
        };
    }

    private static string TextOf(byte[]? bytes) => bytes is null ? "" : Encoding.UTF8.GetString(bytes);

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
