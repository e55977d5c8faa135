using System.Diagnostics.CodeAnalysis;

namespace Tessera.Checkpoints;

/// <summary>How matrices are stored in a converted file. Norms, biases, positions and gates are always single precision.</summary>
public enum WeightType
{
    /// <summary>Half precision.</summary>
    F16,

    /// <summary>The upper half of single precision.</summary>
    BF16,

    /// <summary>Single precision.</summary>
    F32,

    /// <summary>Blocks of 32 bytes with a scale.</summary>
    [SuppressMessage("Naming", "CA1707", Justification = "ggml's name")]
    Q8_0,
}

/// <summary>What is converted, and to what.</summary>
public sealed record ConversionOptions
{
    /// <summary>The folder that the files are written to; it is made if it is not there.</summary>
    public string OutputFolder { get; init; } = ".";

    /// <summary>What the files' names begin with; without it, the checkpoint folder's name.</summary>
    public string? Name { get; init; }

    /// <summary>How matrices are stored.</summary>
    public WeightType Type { get; init; }

    /// <summary>The folder of the vision tower, for checkpoints that were released without it.</summary>
    public string? VisionTowerFolder { get; init; }

    /// <summary>The folders of the towers, for checkpoints that were released without several of them; in any order, and a folder that
    /// holds them all stands for them.</summary>
    public IReadOnlyList<string> VisionTowerFolders { get; init; } = [];

    /// <summary>The folder of the language model, for checkpoints that were released without it.</summary>
    public string? LanguageModelFolder { get; init; }

    /// <summary>Whether weights that are no numbers are converted all the same.</summary>
    public bool AllowNaN { get; init; }
}

/// <summary>How far a conversion is.</summary>
/// <param name="WrittenBytes">Bytes of tensor data that are written.</param>
/// <param name="TotalBytes">Bytes that will be.</param>
public readonly record struct ConversionProgress(long WrittenBytes, long TotalBytes);

/// <summary>A tensor that is or will be written.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">How it is stored.</param>
/// <param name="Shape">Its lengths, the fastest varying dimension first.</param>
/// <param name="Bytes">The bytes of its data.</param>
/// <param name="Source">What it is made from: a tensor's name in the checkpoint.</param>
public sealed record ConvertedTensor(string Name, string Type, IReadOnlyList<long> Shape, long Bytes, string Source);

/// <summary>A file that is or will be written.</summary>
/// <param name="Path">Where.</param>
/// <param name="Tensors">What it holds, in order.</param>
/// <param name="Bytes">The bytes of all tensors' data.</param>
public sealed record ConvertedFile(string Path, IReadOnlyList<ConvertedTensor> Tensors, long Bytes);
