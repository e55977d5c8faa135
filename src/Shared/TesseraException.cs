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
