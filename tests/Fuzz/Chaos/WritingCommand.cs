using System.Globalization;
using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Fuzz.Chaos;

/// <summary>A command that writes, and how one sees that what it wrote is whole.</summary>
/// <param name="Name">What it is called in reports.</param>
/// <param name="Target">The file or folder that it writes, in a folder of its own.</param>
/// <param name="Arguments">The command, given the target.</param>
/// <param name="Input">What is typed, given the target.</param>
/// <param name="Problem">What is wrong with the target, given its bytes before; null if nothing is.</param>
internal sealed record WritingCommand(
    string Name,
    string Target,
    Func<string, string[]> Arguments,
    Func<string, string> Input,
    Func<string, byte[]?, Task<string?>> Problem
)
{
    // One save takes a moment only, which a kill would hardly ever meet.
    private const int SaveCount = 100;

    // A larger tower than the golden's would only take longer.
    private static readonly string[] Model = ["-m", Goldens.Language, "--mmproj", Goldens.Projector];
    private static readonly string[] Greedy = ["--temperature", "0", "--max-tokens", "4", "--threads", "1"];

    /// <summary>Every command that writes.</summary>
    public static IReadOnlyList<WritingCommand> All { get; } =
    [
        new(
            "encode --out",
            "x.npy",
            static path => ["encode", "--mmproj", Goldens.Projector, Goldens.Picture("wide"), "--out", path],
            static _ => "",
            SameOrWhole
        ),
        new(
            "look --save",
            "grid.png",
            static path => ["look", "--mmproj", Goldens.Projector, Goldens.Picture("wide"), "--save", path],
            static _ => "",
            PictureProblem
        ),
        new("chat, /save", "a.chat", static _ => ["chat", .. Model, .. Greedy], Conversation, ChatProblem),
        new(
            "ask --image-cache",
            "cache",
            static path => ["ask", .. Model, .. Greedy, "-i", Goldens.Picture("wide"), "--image-cache", path, "What is it?"],
            static _ => "",
            CacheProblem
        ),
    ];

    private static string Conversation(string path)
    {
        string saves = string.Concat(Enumerable.Repeat($"/save {path}\n", SaveCount));
        return $"Hello\n/image {Goldens.Picture("line")}\nAnd this?\n{saves}/quit\n";
    }

    /// <summary>Runs the command for a target.</summary>
    /// <param name="target">What it writes.</param>
    /// <param name="moment">Is over when it is to be killed; null for never.</param>
    public Task<ProgramRun> RunAsync(string target, Func<CancellationToken, Task>? moment = null) =>
        ProgramRun.RunAsync(Arguments(target), Input(target), moment);

    private static Task<string?> SameOrWhole(string path, byte[]? before)
    {
        if (!File.Exists(path))
            return Task.FromResult(before is null ? null : "the file that was there is gone");
        byte[] now = File.ReadAllBytes(path);
        bool isSound = IsWholeArray(now) || (before is not null && now.AsSpan().SequenceEqual(before));
        return Task.FromResult(isSound ? null : $"it is half written: {now.Length} bytes");
    }

    // As many float32 as its header says (NumPy's format 1.0).
    private static bool IsWholeArray(byte[] file)
    {
        if (file.Length < 10 || !file.AsSpan().StartsWith((byte[])[0x93, .. "NUMPY"u8]))
            return false;
        int start = 10 + BitConverter.ToUInt16(file, 8);
        if (start > file.Length)
            return false;
        string header = Encoding.Latin1.GetString(file, 10, start - 10);
        string[] shape = header[(header.IndexOf('(') + 1)..header.IndexOf(')')]
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        long count = shape.Aggregate(1L, static (product, length) => product * long.Parse(length, CultureInfo.InvariantCulture));
        return file.Length == start + (count * sizeof(float));
    }

    private static async Task<string?> PictureProblem(string path, byte[]? before)
    {
        if (!File.Exists(path))
            return before is null ? null : "the file that was there is gone";
        if (before is not null && (await File.ReadAllBytesAsync(path)).AsSpan().SequenceEqual(before))
            return null;
        ProgramRun read = await ProgramRun.RunAsync(
            ["encode", "--mmproj", Goldens.Projector, path, "--stage", "pixels", "--out", $"{path}.npy"],
            ""
        );
        return read.ExitCode == 0 ? null : $"the picture cannot be read: {read.Error}";
    }

    private static async Task<string?> ChatProblem(string path, byte[]? before)
    {
        if (!File.Exists(path))
            return before is null ? null : "the chat that was there is gone";
        if (before is not null && (await File.ReadAllBytesAsync(path)).AsSpan().SequenceEqual(before))
            return null;
        ProgramRun read = await ProgramRun.RunAsync(["chat", .. Model, .. Greedy], $"/load {path}\n/quit\n");
        return (read.Out + read.Error).Contains("Loaded 2 messages", StringComparison.Ordinal)
            ? null
            : $"the chat cannot be loaded: {read.Out} {read.Error}";
    }

    private static async Task<string?> CacheProblem(string path, byte[]? before)
    {
        string[] ask = ["ask", .. Model, .. Greedy, "-i", Goldens.Picture("wide"), "What is it?"];
        ProgramRun without = await ProgramRun.RunAsync(ask, ""),
            with = await ProgramRun.RunAsync([.. ask, "--image-cache", path], "");
        return with == without ? null : $"the answer is '{with.Out}' {with.Error}, not '{without.Out}'";
    }
}
