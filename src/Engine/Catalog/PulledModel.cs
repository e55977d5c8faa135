namespace Tessera;

/// <summary>A model on this machine's disk.</summary>
/// <param name="Name">Its name, which stands for it wherever a model is asked for.</param>
/// <param name="Folder">The folder with its files.</param>
/// <param name="ModelPath">The language model's file; null for a checkpoint that is not converted.</param>
/// <param name="ProjectorPath">The projector's file, if there is one.</param>
/// <param name="CheckpointFolder">The checkpoint's folder, where it is one that is not converted.</param>
public sealed record PulledModel(string Name, string Folder, string? ModelPath, string? ProjectorPath, string? CheckpointFolder);

/// <summary>How a model is pulled.</summary>
public sealed record PullOptions
{
    /// <summary>The model's name in the store; null takes the catalogue's, the repository's or the file's.</summary>
    public string? Name { get; init; }

    /// <summary>Where repositories of <c>hf:</c> are, the first one tried first; null takes what HF_ENDPOINT says, which may list
    /// several.</summary>
    public IReadOnlyList<Uri>? Endpoints { get; init; }

    /// <summary>Proves to the endpoints who asks; null takes HF_TOKEN.</summary>
    public string? Token { get; init; }

    /// <summary>Ranges that are fetched at the same time.</summary>
    public int ConnectionCount { get; init; } = 4;

    /// <summary>A connection that brings nothing for so long is given up and made anew.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>How far a pull is.</summary>
/// <param name="File">The file at work.</param>
/// <param name="DoneBytes">Bytes of it that are on the disk.</param>
/// <param name="TotalBytes">Its length; 0 where the server does not say.</param>
/// <param name="IsVerifying">Whether its digest is being computed.</param>
public sealed record PullProgress(string File, long DoneBytes, long TotalBytes, bool IsVerifying);

/// <summary>Why a pull failed.</summary>
public enum PullFailure
{
    /// <summary>There is no such model, repository or file.</summary>
    NotFound,

    /// <summary>The server wants to know who asks, or does not let them.</summary>
    NotAllowed,

    /// <summary>No server could be reached, or none brought the whole file.</summary>
    Unreachable,

    /// <summary>The server does not say the truth, or what cannot be understood.</summary>
    BadAnswer,

    /// <summary>The file is not the one that it should be.</summary>
    WrongDigest,

    /// <summary>The disk has no room for it.</summary>
    NoRoom,

    /// <summary>The disk cannot be written, or another program is at it.</summary>
    CannotWrite,
}

/// <summary>A model that could not be pulled. What was fetched stays, and the next pull goes on from there.</summary>
public class PullException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="failure">Why.</param>
    /// <param name="message">One sentence.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public PullException(PullFailure failure, string message, Exception? innerException = null)
        : base(message, innerException) => Failure = failure;

    /// <summary>Why.</summary>
    public PullFailure Failure { get; }
}
