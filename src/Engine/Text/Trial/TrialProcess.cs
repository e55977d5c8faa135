using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Tessera.Gguf;

namespace Tessera.Text.Trial;

/// <summary>Starts the trial of a model in a process of its own, watches it, and says what came of it.</summary>
internal sealed class TrialProcess : IDisposable
{
    // What an endless loop burns; waiting for a busy machine or a slow disk burns none. Eight tokens of a gigabyte take seconds at worst.
    private static readonly TimeSpan WorkPerGigabyte = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LeastPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PatiencePerGigabyte = TimeSpan.FromSeconds(120);
    private const long LeastMemory = 1L << 30;
    private const int PollMs = 15;

    // 128 and the signal: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGSYS. SIGKILL may be the system's, short of memory.
    private static readonly int[] CrashCodes = [132, 133, 134, 135, 136, 139, 152, 159];
    private readonly Process process;
    private readonly TimeSpan leastWork;
    private readonly double gigabytes;
    private readonly Stopwatch watch = Stopwatch.StartNew();
    private volatile string stage = "while it starts";
    private volatile string? abort;
    private volatile bool isDone;

    private TrialProcess(Process process, TimeSpan leastWork, long byteLength)
    {
        this.leastWork = leastWork;
        this.process = process;
        gigabytes = byteLength / 1e9;
        process.OutputDataReceived += (_, line) => Hear(line.Data);
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Tries a model unless that was done before.</summary>
    /// <param name="trial">How.</param>
    /// <param name="parts">The model's files, the first one first.</param>
    /// <param name="withRows">Whether it will be given embeddings of pictures.</param>
    /// <param name="cancellationToken">Ends the trial.</param>
    /// <exception cref="ModelFileException">It did not survive.</exception>
    public static void Check(ModelTrial trial, IReadOnlyList<GgufFile> parts, bool withRows, CancellationToken cancellationToken)
    {
        var memory = new TrialMemory(trial.Folder);
        string key = TrialMemory.KeyOf(parts, withRows);
        bool isRemembered = memory.TryRecall(key, out string? failure);
        if (!isRemembered)
        {
            (bool isConclusive, failure) = Try(trial, parts, withRows, cancellationToken);
            isRemembered = isConclusive && memory.Remember(key, failure);
        }

        if (failure is null)
            return;
        string retry = isRemembered ? $"; to have it tried once more, delete {memory.FileOf(key)}" : "";
        throw new ModelFileException(
            parts[0].Path,
            $"llama.cpp does not survive it ({failure}): the file is probably damaged or badly converted, so download it again{retry}."
        );
    }

    public void Dispose()
    {
        Kill();
        process.Dispose();
    }

    private void Kill()
    {
        try
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
        catch (Exception gone) when (gone is InvalidOperationException or Win32Exception)
        {
            // It has just ended by itself.
        }
    }

    // So that the last of its output has been heard, which tells how far it was.
    private void End()
    {
        Kill();
        process.WaitForExitAsync(CancellationToken.None).Wait(LeastPatience);
    }

    private static (bool IsConclusive, string? Failure) Try(
        ModelTrial trial,
        IReadOnlyList<GgufFile> parts,
        bool withRows,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        string[] subject = withRows ? [Path.GetFullPath(parts[0].Path), TrialSubject.RowsArgument] : [Path.GetFullPath(parts[0].Path)];
        var start = new ProcessStartInfo(trial.Program, [.. trial.Arguments, .. subject])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        try
        {
            using var attempt = new TrialProcess(Process.Start(start)!, trial.LeastWork, parts.Sum(static part => part.FileLength));
            return attempt.Watch(cancellationToken);
        }
        catch (Win32Exception)
        {
            // A program that cannot be started says nothing of the model.
            return (false, null);
        }
    }

    private (bool IsConclusive, string? Failure) Watch(CancellationToken cancellationToken)
    {
        while (!process.WaitForExit(PollMs))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (isDone)
                return (true, null);
            if (abort is not null)
                break;
            if (Excess() is { } excess)
            {
                End();
                return (true, $"{stage}, it {excess}");
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (abort is { } reason)
            return (true, $"{stage}, {reason}");
        process.WaitForExit(); // and the last of its output has been heard
        if (isDone)
            return (true, null);
        if (abort is { } late)
            return (true, $"{stage}, {late}");
        int code = process.ExitCode;
        bool hasCrashed = OperatingSystem.IsWindows() ? code < 0 : CrashCodes.Contains(code);
        return hasCrashed ? (true, $"{stage}, {Name(code)}") : (false, null);
    }

    private string? Excess()
    {
        try
        {
            process.Refresh();
            TimeSpan work = leastWork + (gigabytes * WorkPerGigabyte),
                patience = LeastPatience + (gigabytes * PatiencePerGigabyte);
            if (
                process.TotalProcessorTime > work * Math.Min(4, Environment.ProcessorCount)
                || (process.TotalProcessorTime > work && watch.Elapsed > work)
            )
                return Invariant($"did not end within {work.TotalSeconds:F0} seconds of computing");
            if (watch.Elapsed > patience)
                return Invariant($"did not end within {patience.TotalSeconds:F0} seconds");
            long limit = LeastMemory + (long)(gigabytes * 1e9 / 2);
            return OwnMemory() > limit ? Invariant($"took more than {limit >> 20} MB of memory") : null;
        }
        catch (Exception gone) when (gone is InvalidOperationException or Win32Exception or IOException)
        {
            return null; // it has just ended
        }
    }

    // Without the mapped file.
    private long OwnMemory()
    {
        if (OperatingSystem.IsWindows())
            return process.PrivateMemorySize64;
        if (!OperatingSystem.IsLinux())
            return process.WorkingSet64 - (long)(gigabytes * 1e9);
        const string Name = "RssAnon:";
        string? line = File.ReadLines($"/proc/{process.Id}/status")
            .FirstOrDefault(static line => line.StartsWith(Name, StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line.AsSpan(Name.Length).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture) << 10;
    }

    private void Hear(string? line)
    {
        if (line is null)
            return;
        if (line == TrialSubject.DoneLine)
            isDone = true;
        else if (line.StartsWith(TrialSubject.AbortPrefix, StringComparison.Ordinal))
            abort = Clean(line[TrialSubject.AbortPrefix.Length..]);
        else if (abort is null)
            stage = Clean(line);
    }

    private static string Clean(string text)
    {
        const int Longest = 300;
        string shown = string.Concat(text.Select(static character => char.IsControl(character) ? ' ' : character)).Trim();
        return shown.Length > Longest ? $"{shown[..Longest]}..." : shown;
    }

    private static string Name(int code) =>
        code switch
        {
            132 => "SIGILL",
            134 => "SIGABRT",
            135 => "SIGBUS",
            136 => "SIGFPE",
            139 => "SIGSEGV",
            _ => Invariant($"exit code {code}"),
        };

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
