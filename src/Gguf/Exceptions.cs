using Tessera.Shared;

namespace Tessera;

/// <summary>
/// A failure that a user can act on: its message is one sentence that names the file, the key or the option and the way out. Where it
/// repeats what a file or a server says, it is one line without control characters, and not longer than can be read.
/// </summary>
public class TesseraException : Exception
{
    /// <summary>Creates the failure with its one sentence.</summary>
    public TesseraException(string message)
        : base(PlainText.Sentence(message)) { }

    /// <summary>Creates the failure with its one sentence and what caused it.</summary>
    public TesseraException(string message, Exception? innerException)
        : base(PlainText.Sentence(message), innerException) { }
}

/// <summary>A GGUF file that cannot be used: damaged, of the wrong kind, or of a layout that is not supported.</summary>
public sealed class ModelFileException : TesseraException
{
    /// <summary>Creates the failure for one file.</summary>
    /// <param name="path">The file at fault; the message starts with it.</param>
    /// <param name="problem">What is wrong with it, naming the key or tensor, and the way out where there is one.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public ModelFileException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}", innerException) => Path = path;

    /// <summary>The file at fault.</summary>
    public string Path { get; }
}
