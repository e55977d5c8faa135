namespace Tessera;

/// <summary>A model that the catalogue knows: a paragraph of models.txt.</summary>
public sealed record CatalogEntry
{
    /// <summary>What it is called on the command line and in the store of pulled models.</summary>
    public required string Name { get; init; }

    /// <summary>What it is, in a few words.</summary>
    public string About { get; init; } = "";

    /// <summary>The family of its projector.</summary>
    public string Family { get; init; } = "";

    /// <summary>Where its files are: <c>hf:owner/repo</c> or the address of a folder; null for files that come with Tessera.</summary>
    public string? Source { get; init; }

    /// <summary>The language model's file in the source; null for a checkpoint, which is converted.</summary>
    public CatalogFile? Model { get; init; }

    /// <summary>The projector's file; null where there is none.</summary>
    public CatalogFile? Projector { get; init; }

    /// <summary>Under what terms it may be used.</summary>
    public string Licence { get; init; } = "";

    /// <summary>Memory that it needs with a context of 4096 tokens, in bytes, about; 0 where nobody has said.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>How the entry was checked; null where it was not.</summary>
    public string? Verified { get; init; }

    /// <summary>Whether its files come with Tessera.</summary>
    public bool IsEmbedded => Source is null;

    /// <summary>Whether it is a checkpoint, which is no GGUF file yet.</summary>
    public bool IsCheckpoint => Model is null;
}

/// <summary>A file of the catalogue.</summary>
/// <param name="Path">Its name in the source.</param>
/// <param name="ByteLength">Its length in bytes; null where it is not known.</param>
/// <param name="Sha256">Its digest, 64 hexadecimal digits; null where it is not known.</param>
public sealed record CatalogFile(string Path, long? ByteLength = null, string? Sha256 = null);
