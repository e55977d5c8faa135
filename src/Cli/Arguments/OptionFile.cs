using System.Text;
using Tessera.Cli.Commands;
using Tessera.Shared;

namespace Tessera.Cli.Arguments;

/// <summary>Texts that an option names by their file.</summary>
internal static class OptionFile
{
    private const long MaxByteLength = 1 << 20;

    /// <summary>As <see cref="ReadAsync"/>, where nothing else is to be done meanwhile.</summary>
    public static string Read(string path, string option) => ReadAsync(path, option, CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>The whole text.</summary>
    /// <param name="path">The file.</param>
    /// <param name="option">The option, for messages.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="TesseraException">It cannot be read, is too large, or is no text; the message begins with its path.</exception>
    public static async Task<string> ReadAsync(string path, string option, CancellationToken cancellationToken)
    {
        if (path.Length == 0)
            throw new UsageException($"The file of {option} is empty.");
        try
        {
            if (Directory.Exists(path))
                throw new TesseraException($"{path}: it is a folder, not a file for {option}.");
            // What a shell hands over open, as <(command) is, can be read; to open any other pipe would wait for somebody to write to it.
            if (FileKind.IsSpecial(path) && !FileKind.IsOpenDescriptor(path))
                throw new TesseraException($"{path}: it is a pipe or device; only regular files can be read.");
            var info = new FileInfo(path);
            if (info.Exists && info.Length > MaxByteLength)
                throw new TesseraException($"{path}: it has more than {MaxByteLength} bytes, which is too large for {option}.");
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            var buffer = new char[MaxByteLength];
            int length = await reader.ReadBlockAsync(buffer, cancellationToken).AsTask().WaitAsync(cancellationToken);
            return length < buffer.Length
                ? new string(buffer, 0, length)
                : throw new TesseraException($"{path}: it has more than {MaxByteLength} characters, which is too large for {option}.");
        }
        catch (DecoderFallbackException failure)
        {
            throw new TesseraException($"{path}: it is no text in UTF-8.", failure);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TesseraException($"{path}: there is no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: it cannot be read ({failure.Message}).", failure);
        }
    }
}
