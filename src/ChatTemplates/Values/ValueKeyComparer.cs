namespace Tessera.ChatTemplates;

/// <summary>Equality of dictionary keys as in Python: 1, 1.0 and True are one key, lists and dictionaries are none.</summary>
internal sealed class ValueKeyComparer : IEqualityComparer<TemplateValue>
{
    public static readonly ValueKeyComparer Instance = new();

    // A key is compared without counting steps, so a tuple as key must stay small.
    private const int MaxKeyParts = 64;

    public static bool IsHashable(TemplateValue key) => IsHashable(key, MaxKeyParts) >= 0;

    public static TemplateValue RequireHashable(TemplateValue key) =>
        IsHashable(key) ? key : throw new TemplateFault($"unhashable type: '{key.TypeName}'");

    public bool Equals(TemplateValue? x, TemplateValue? y)
    {
        if (ReferenceEquals(x, y))
            return true;
        if (x is StringValue left && y is StringValue right)
            return left.Text == right.Text;
        if (x?.AsNumber is not null && y?.AsNumber is not null)
            return PythonComparison.Numbers(x, y) == 0;
        if (x is ListValue { Kind: SequenceKind.Tuple } first && y is ListValue { Kind: SequenceKind.Tuple } second)
            return first.Values.SequenceEqual(second.Values, this);
        return false;
    }

    public int GetHashCode(TemplateValue obj) =>
        obj switch
        {
            StringValue text => text.Text.GetHashCode(StringComparison.Ordinal),
            ListValue list => list.Values.Aggregate(17, (hash, item) => HashCode.Combine(hash, GetHashCode(item))),
            _ when obj.AsNumber is { } number => number.GetHashCode(),
            _ => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(obj),
        };

    /// <summary>The parts still allowed after this key, or -1.</summary>
    private static int IsHashable(TemplateValue key, int partsLeft)
    {
        if (key is MapValue or ListValue { Kind: not SequenceKind.Tuple } || partsLeft <= 0)
            return -1;
        partsLeft--;
        if (key is not ListValue tuple)
            return partsLeft;
        foreach (TemplateValue item in tuple.Values)
            if ((partsLeft = IsHashable(item, partsLeft)) < 0)
                return -1;
        return partsLeft;
    }
}
