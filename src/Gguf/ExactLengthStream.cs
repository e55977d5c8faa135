namespace Tessera.Gguf;

/// <summary>A window for writing onto another stream that takes a known number of bytes and refuses more.</summary>
internal sealed class ExactLengthStream(Stream target, long byteLength) : Stream
{
    private long written;

    /// <summary>The bytes that are still to be written.</summary>
    public long Remaining => byteLength - Position;

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => byteLength;

    /// <inheritdoc/>
    public override long Position
    {
        get => written;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">More bytes are written than the window takes.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > Remaining)
            throw new InvalidOperationException($"The tensor takes {byteLength} bytes, but {written + buffer.Length} are written.");
        target.Write(buffer);
        written += buffer.Length;
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush() { }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
