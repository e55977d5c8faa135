using System.Text;

namespace Tessera.Cli.Chat;

/// <summary>Paths as people type them and terminals paste them.</summary>
internal static class TypedPath
{
    // On Windows a backslash separates folders.
    private static readonly bool BackslashEscapes = !OperatingSystem.IsWindows();

    /// <summary>The path that was meant: a file address, quotes, escapes and ~ are resolved. A file of just this name comes
    /// first.</summary>
    public static string Resolve(string text)
    {
        string trimmed = text.Trim();
        return OfFileAddress(trimmed) ?? (File.Exists(trimmed) ? trimmed : Unquote(trimmed));
    }

    /// <summary>As <see cref="Resolve"/>.</summary>
    /// <exception cref="TesseraException">It is no path at all.</exception>
    public static string Require(string text)
    {
        string path = Resolve(text);
        return path.Length > 0 && !path.Contains('\0')
            ? path
            : throw new TesseraException("The name of the file is empty or has a zero byte in it.");
    }

    /// <summary>The path of a <c>file://</c> address of this machine, or on Windows of a share (RFC 8089); null for anything
    /// else.</summary>
    public static string? OfFileAddress(string text)
    {
        if (!text.StartsWith("file:/", StringComparison.OrdinalIgnoreCase) || !Uri.TryCreate(text, UriKind.Absolute, out Uri? address))
            return null;
        string path = Uri.UnescapeDataString(address.AbsolutePath);
        if (OperatingSystem.IsWindows())
            return address.IsLoopback ? path.TrimStart('/') : address.LocalPath;
        return address.Host.Length > 0 && !address.IsLoopback ? null : path;
    }

    /// <summary>A path with the user's folder in the place of a leading ~.</summary>
    public static string WithHome(string path) =>
        path.Length > 1 && path[0] == '~' && (path[1] == '/' || path[1] == Path.DirectorySeparatorChar)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..])
            : path;

    /// <summary>A path without the quotes and escapes of a shell.</summary>
    public static string Unquote(string text)
    {
        var path = new StringBuilder();
        char? quote = null;
        for (int index = 0; index < text.Length; index++)
        {
            char character = text[index];
            if (character == quote)
                quote = null;
            else if (quote is null && character is '"' or '\'')
                quote = character;
            else if (quote != '\'' && IsEscape(text, index))
                path.Append(text[++index]);
            else
                path.Append(character);
        }

        return WithHome(path.ToString());
    }

    /// <summary>Whether a character makes the next one part of a name.</summary>
    public static bool IsEscape(string text, int index) => BackslashEscapes && text[index] == '\\' && index + 1 < text.Length;

    /// <summary>A path as it can be typed again.</summary>
    public static string Quote(string path) =>
        BackslashEscapes ? path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(" ", "\\ ", StringComparison.Ordinal)
        : path.Contains(' ') ? $"\"{path}\""
        : path;
}
