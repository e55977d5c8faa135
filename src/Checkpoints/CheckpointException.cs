namespace Tessera.Checkpoints;

/// <summary>A checkpoint that cannot be converted: damaged, incomplete, or of a layout that is not known.</summary>
public sealed class CheckpointException : TesseraException
{
    /// <summary>Creates the failure for one file or folder.</summary>
    /// <param name="path">What is at fault; the message starts with it.</param>
    /// <param name="problem">What is wrong with it, naming the key or tensor.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public CheckpointException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}", innerException) => Path = path;

    /// <summary>The file or folder at fault.</summary>
    public string Path { get; }
}
