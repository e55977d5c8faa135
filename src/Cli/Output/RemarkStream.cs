using System.Runtime.InteropServices;

namespace Tessera.Cli.Output;

/// <summary>
/// Standard error, for remarks: whoever no longer reads them, or has no room for them, does not stop the work that they are about. On Unix
/// not .NET's own stream, which puts the terminal into another keypad mode, and not a file's, which would write over what other programs
/// wrote to the same file.
/// </summary>
internal sealed partial class RemarkStream : Stream
{
    private const int Descriptor = 2;
    private const int Interrupted = 4;
    private readonly Stream? ofWindows = OperatingSystem.IsWindows() ? Console.OpenStandardError() : null;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            if (ofWindows is not null)
                ofWindows.Write(buffer);
            else
                WriteAll(buffer);
        }
        catch (IOException)
        {
            // Nobody reads it.
        }
    }

    private static void WriteAll(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            nint written = WriteSome(Descriptor, bytes, bytes.Length);
            if (written < 0 && Marshal.GetLastPInvokeError() == Interrupted)
                continue;
            if (written <= 0)
                return;
            bytes = bytes[(int)written..];
        }
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteSome(int descriptor, ReadOnlySpan<byte> bytes, nint count);
}
