using System.Text;
using Tessera.Shared;

namespace Tessera.Cli.Chat.Editing;

/// <summary>Lines that were sent, oldest first, kept in a file between runs. Without the file it works all the same.</summary>
internal sealed class LineHistory
{
    private const int MaxCount = 1000;
    private const int MaxFileLength = 1 << 20;
    private readonly string? path;
    private readonly List<string> lines = [];

    private LineHistory(string? path) => this.path = path;

    public IReadOnlyList<string> Lines => lines;

    /// <summary>Reads what earlier chats left.</summary>
    /// <param name="path">The file; null keeps the lines in memory only.</param>
    public static LineHistory Load(string? path)
    {
        var history = new LineHistory(path);
        if (path is not null && FileKind.HasContents(path))
            TryIo(() => history.Read(path));
        return history;
    }

    /// <summary>The file of this user: <c>tessera/history</c> where state belongs (XDG Base Directory Specification 0.8).</summary>
    public static string? DefaultPath()
    {
        string? state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (string.IsNullOrEmpty(state) || !Path.IsPathFullyQualified(state))
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            state =
                OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : home.Length > 0 ? Path.Combine(home, ".local", "state")
                : "";
        }

        return state.Length > 0 ? Path.Combine(state, "tessera", "history") : null;
    }

    /// <summary>Adds a line, unless it repeats the last one.</summary>
    public void Add(string sent)
    {
        string line = sent.TrimEnd();
        if (line.Length == 0 || (lines.Count > 0 && lines[^1] == line))
            return;
        lines.Add(line);
        if (lines.Count > MaxCount)
            lines.RemoveAt(0);
        if (path is not null && !FileKind.IsSpecial(path))
            TryIo(() => Append(path, line));
    }

    // Several chats may append to the file at once; each line is one write.
    private static void Append(string path, string line)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var options = new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new FileStream(path, options);
        file.Write(Encoding.UTF8.GetBytes(Escape(line) + "\n"));
    }

    private void Read(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        bool isCut = stream.Length > MaxFileLength;
        if (isCut)
            stream.Seek(-MaxFileLength, SeekOrigin.End);
        using var reader = new StreamReader(stream);
        string[] all = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] whole = isCut ? all[1..] : all;
        lines.AddRange(whole.TakeLast(MaxCount).Select(Unescape));
        stream.Dispose();
        if (isCut || whole.Length > 2 * MaxCount)
            WholeFile.Write(
                file,
                shorter => shorter.Write(Encoding.UTF8.GetBytes(string.Concat(lines.Select(static line => Escape(line) + "\n"))))
            );
    }

    private static string Escape(string line) =>
        line.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Unescape(string line)
    {
        var text = new StringBuilder();
        for (int index = 0; index < line.Length; index++)
        {
            bool isEscape = line[index] == '\\' && index + 1 < line.Length;
            text.Append(
                !isEscape ? line[index]
                : line[++index] == 'n' ? '\n'
                : line[index]
            );
        }

        return text.ToString();
    }

    // What cannot be kept is not worth stopping a chat for.
    private static void TryIo(Action action)
    {
        try
        {
            action();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException) { }
    }
}
