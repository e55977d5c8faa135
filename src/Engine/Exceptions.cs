namespace Tessera;

/// <summary>
/// A failure that a user can act on: its message is one sentence that names the file, the key or the option and the way out.
/// </summary>
public class TesseraException : Exception
{
    /// <summary>Creates the failure with its one sentence.</summary>
    public TesseraException(string message) : base(message) { }

    /// <summary>Creates the failure with its one sentence and what caused it.</summary>
    public TesseraException(string message, Exception? innerException) : base(message, innerException) { }
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

/// <summary>A picture that cannot be used: missing, empty, damaged, too large, or no picture at all.</summary>
public sealed class ImageException : TesseraException
{
    /// <summary>Creates the failure for one picture.</summary>
    /// <param name="source">The file, URL or other name of the picture; the message starts with it.</param>
    /// <param name="problem">What is wrong with it.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public ImageException(string source, string problem, Exception? innerException = null)
        : base($"{source}: {problem}", innerException) => ImageSource = source;

    /// <summary>The file, URL or other name of the picture.</summary>
    public string ImageSource { get; }
}

/// <summary>A prompt that does not fit the context of the language model.</summary>
public sealed class PromptTooLongException : TesseraException
{
    /// <summary>Creates the failure with both lengths, in tokens.</summary>
    public PromptTooLongException(int promptTokenCount, int contextLength)
        : base($"The prompt needs {promptTokenCount} tokens but the context holds {contextLength}: shorten the question, use fewer pictures, or raise --context.")
    {
        PromptTokenCount = promptTokenCount;
        ContextLength = contextLength;
    }

    /// <summary>Tokens that the prompt needs, image tokens included.</summary>
    public int PromptTokenCount { get; }

    /// <summary>Tokens that the context holds.</summary>
    public int ContextLength { get; }
}

/// <summary>A native library that is missing, of the wrong version, or that failed.</summary>
public sealed class NativeLibraryException : TesseraException
{
    /// <summary>Creates the failure with its one sentence.</summary>
    public NativeLibraryException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>Too many answers are waiting for the model.</summary>
public sealed class EngineBusyException : TesseraException
{
    /// <summary>Creates the failure with the bound that was reached.</summary>
    public EngineBusyException(int waitingLimit) : base($"The model is busy: {waitingLimit} answers are waiting already, so ask again later.") => WaitingLimit = waitingLimit;

    /// <summary>Answers that may wait.</summary>
    public int WaitingLimit { get; }
}
