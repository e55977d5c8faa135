namespace Tessera;

/// <summary>
/// A failure that a user can act on: its message is one sentence that names the file, the key or the option and the way out.
/// Of a message that quotes something endless, the middle is left out.
/// </summary>
public class TesseraException : Exception
{
    private const int LongestMessage = 1_500, LongestEnd = 500;

    /// <summary>Creates the failure with its one sentence.</summary>
    public TesseraException(string message) : base(Bounded(message)) { }

    /// <summary>Creates the failure with its one sentence and what caused it.</summary>
    public TesseraException(string message, Exception? innerException) : base(Bounded(message), innerException) { }

    // The beginning names what is at fault, the end says what to do.
    private static string Bounded(string message)
    {
        if (message.Length <= LongestMessage) return message;
        int start = LongestMessage - LongestEnd, end = message.Length - LongestEnd;
        if (char.IsHighSurrogate(message[start - 1])) start--;
        if (char.IsLowSurrogate(message[end])) end++;
        return $"{message.AsSpan(0, start)} … {message.AsSpan(end)}";
    }
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
