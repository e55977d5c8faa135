using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>
/// A mapped file that nobody changes while it is read: Linux lets who opens it for writing wait until what is mapped of it has been copied
/// into memory (a lease, fcntl(2), F_SETLEASE; the file must be this user's, and open for writing nowhere).
/// </summary>
internal sealed class FileLease : IDisposable
{
    // The system takes a lease away after 45 s (/proc/sys/fs/lease-break-time).
    private static readonly TimeSpan LongestLoad = TimeSpan.FromSeconds(30);
    private static readonly Lock Gate = new();
    private static readonly List<FileLease> Held = [];
    private static PosixSignalRegistration? signals;
    private readonly Lock giving = new();
    private readonly ManualResetEventSlim mapped = new();
    private readonly CancellationTokenSource lifetime = new();
    private readonly SafeFileHandle file;
    private bool isDisposed;

    private FileLease(SafeFileHandle file) => this.file = file;

    /// <summary>Whether some of the file is still mapped though others may write to it by now: memory did not hold a copy.</summary>
    public bool IsExposed { get; private set; }

    /// <summary>Takes a lease of a file, or null where the system gives none.</summary>
    public static FileLease? Take(string path)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            lock (Gate)
            {
                // Without a handler the signal would end the process, so there must be one before, and it stays.
                signals ??= PosixSignalRegistration.Create((PosixSignal)SysFcntl.SIGIO, OnWriter);
                // The thread that takes the lease may be gone when the signal comes.
                _ = SysFcntl.fcntl(Descriptor(file), SysFcntl.F_SETOWN, Environment.ProcessId);
                if (SysFcntl.fcntl(Descriptor(file), SysFcntl.F_SETLEASE, SysFcntl.F_RDLCK) == 0)
                {
                    var lease = new FileLease(file);
                    Held.Add(lease);
                    return lease;
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            // Then the file is read as if there were no leases; what is wrong with it shows there.
        }

        file?.Dispose();
        return null;
    }

    /// <summary>Says that the file is mapped now as far as it will be: until then who wants to write waits.</summary>
    public void SetMapped() => mapped.Set();

    /// <summary>Begins to put copies in the place of what is mapped: memory has large pages, of which a core reads a third more in a
    /// second (benchmarks/README.md), and files have not.</summary>
    /// <param name="unread">What nobody reads any more, in the order of the file.</param>
    public void CopyAhead(IReadOnlyList<FileRange> unread)
    {
        new Thread(() =>
        {
            lock (giving)
            {
                if (!file.IsClosed)
                    _ = MappedPages.CopyToMemory(Descriptor(file), unread, lifetime.Token);
            }
        })
        {
            IsBackground = true,
            Name = "Tessera weights",
        }.Start();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, true))
            return;
        lock (Gate)
            Held.Remove(this);
        mapped.Set();
        lifetime.Cancel();
        lock (giving)
            file.Dispose(); // and with it the lease
        lifetime.Dispose();
    }

    private static int Descriptor(SafeFileHandle file) => (int)file.DangerousGetHandle();

    private static void OnWriter(PosixSignalContext signal)
    {
        signal.Cancel = true;
        FileLease[] held;
        lock (Gate)
            held = [.. Held];
        foreach (FileLease lease in held)
        {
            if (lease.IsWanted())
                new Thread(lease.GiveUp) { IsBackground = true }.Start();
        }
    }

    private bool IsWanted()
    {
        lock (giving)
            return !file.IsClosed && SysFcntl.fcntl(Descriptor(file), SysFcntl.F_GETLEASE, 0) != SysFcntl.F_RDLCK;
    }

    private void GiveUp()
    {
        mapped.Wait(LongestLoad);
        lock (giving)
        {
            if (file.IsClosed)
                return;
            IsExposed = !MappedPages.CopyToMemory(Descriptor(file), [], lifetime.Token);
            _ = SysFcntl.fcntl(Descriptor(file), SysFcntl.F_SETLEASE, SysFcntl.F_UNLCK);
        }
    }
}
