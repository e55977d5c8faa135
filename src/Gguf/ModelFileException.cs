namespace Tessera;

/// <summary>A GGUF file that cannot be used: damaged, of the wrong kind, or of a layout that is not supported.</summary>
public class ModelFileException : TesseraException
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
