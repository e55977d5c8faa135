using Tessera.Checkpoints.Tensors;

namespace Tessera.Checkpoints.Language;

/// <summary>Where a tensor of a checkpoint goes.</summary>
/// <param name="Source">Its name without <c>.weight</c> or <c>.bias</c>; <c>{}</c> stands for a block's index.</param>
/// <param name="Target">The name in the GGUF file, likewise.</param>
/// <param name="Shape">The weight's lengths as letters that <see cref="Dimensions"/> knows, or empty for any; a bias has the first.</param>
internal sealed record TensorRule(string Source, string Target, string Shape)
{
    /// <summary>Whether a checkpoint may do without it.</summary>
    public bool IsOptional { get; init; }

    /// <summary>In which blocks it must be; null for all.</summary>
    public Func<long, bool>? IsIn { get; init; }

    /// <summary>Whether the names end as they stand, with neither <c>.weight</c> nor <c>.bias</c>.</summary>
    public bool IsWhole { get; init; }

    /// <summary>What is done to weight and bias; null for nothing.</summary>
    public Func<TensorValues, TensorValues>? Change { get; init; }

    /// <summary>What the tensor becomes where that is more than one; names as in <see cref="Target"/>.</summary>
    public Func<TensorValues, IEnumerable<(string Target, TensorValues Values)>>? Split { get; init; }

    /// <summary>Whether it stays in single precision whatever the file's type.</summary>
    public bool IsFull { get; init; }

    /// <summary>The type to store it as, asked with the file's; null for the common rule.</summary>
    public Func<Gguf.GgufTensorType, Gguf.GgufTensorType>? Type { get; init; }
}

/// <summary>What the letters of a rule's shape stand for.</summary>
internal sealed class Dimensions(params (char Letter, long Length)[] lengths)
{
    private readonly Dictionary<char, long> byLetter = lengths.ToDictionary(static pair => pair.Letter, static pair => pair.Length);

    public long this[char letter] => byLetter[letter];

    /// <summary>The lengths of a shape.</summary>
    public long[] Of(string shape) => [.. shape.Select(letter => byLetter[letter])];
}
