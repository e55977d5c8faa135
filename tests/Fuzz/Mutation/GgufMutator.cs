namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Makes hostile copies of a GGUF file: mostly sound as files, with metadata and tensors that make no sense, which gets further into
/// a loader than damaged bytes do; some with a table or bytes that are wrong.
/// </summary>
internal sealed class GgufMutator
{
    // What is before the tensors' data is changed far more often than the data.
    private const int HeaderLength = 16_000;

    private static readonly string[] Texts =
    [
        "",
        "x",
        "llama",
        "gpt2",
        "bert",
        "t5",
        "rwkv",
        "none",
        "no_vocab",
        "plamo2",
        "gemma4",
        "linear",
        "yarn",
        "longrope",
        "default",
        "llama-bpe",
        "qwen2",
        "clip",
        "mlp",
        "ldp",
        "resampler",
        "anyres",
        "pad",
        "spatial_unpad",
        "\0",
        "a\0b",
        "{{ bos_token }}",
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "\xE2\x96\x81",
        "\xC3(",
        "<0x41>",
        "<0x>",
        "\x1B[2J",
        new string('a', 70_000),
    ];

    private readonly RawGguf original;
    private readonly byte[] bytes;
    private readonly string architecture;

    public GgufMutator(string path)
    {
        original = RawGguf.Read(path);
        bytes = File.ReadAllBytes(path);
        RawEntry? entry = original.Entries.Find(static entry => entry.Key == "general.architecture");
        architecture = entry is null ? "llama" : System.Text.Encoding.Latin1.GetString(entry.Value.AsSpan(8));
    }

    /// <summary>Bytes of the copy that is made of random numbers.</summary>
    public byte[] Make(Random random)
    {
        if (random.OneIn(8))
            return Damage.Copy(bytes, random, HeaderLength);
        RawGguf model = original.Clone();
        if (random.OneIn(12))
            Rename(model, random.Pick(GgufNames.Architectures));
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            switch (random.Next(12))
            {
                case < 7:
                    ChangeEntry(model, random);
                    break;
                case < 11:
                    ChangeTensor(model, random);
                    break;
                default:
                    ChangeFrame(model, random);
                    break;
            }
        }

        return model.ToBytes();
    }

    // The same keys under another architecture's name: as far as its loader asks for the same, it goes on.
    private void Rename(RawGguf model, string name)
    {
        for (int index = 0; index < model.Entries.Count; index++)
        {
            RawEntry entry = model.Entries[index];
            if (entry.Key == "general.architecture")
                model.Entries[index] = entry with { Value = RawGguf.TextOf(name) };
            else if (entry.Key.StartsWith(architecture + ".", StringComparison.Ordinal))
                model.Entries[index] = entry with { Key = name + entry.Key[architecture.Length..] };
        }
    }

    private void ChangeEntry(RawGguf model, Random random)
    {
        if (model.Entries.Count == 0)
            return;
        int index = random.Next(model.Entries.Count);
        RawEntry entry = model.Entries[index];
        switch (random.Next(10))
        {
            case 0:
                model.Entries.RemoveAt(index);
                break;
            case 1 or 2:
                model.Entries.Add(Any(Key(random), random));
                break;
            case 3:
                model.Entries[index] = Any(entry.Key, random);
                break;
            case 4:
                model.Entries[index] = entry with { Key = random.OneIn(2) ? Key(random) : random.Pick(model.Entries).Key };
                break;
            case 5 when random.OneIn(3):
                model.Entries[index] = entry with { Type = (uint)random.Next(14) };
                break;
            default:
                model.Entries[index] = Changed(entry, random);
                break;
        }
    }

    private string Key(Random random) => random.Pick(GgufNames.Keys).Replace("%s", architecture, StringComparison.Ordinal);

    private static RawEntry Changed(RawEntry entry, Random random)
    {
        if (entry.Type == RawGguf.Text)
            return entry with { Value = RawGguf.TextOf(random.Pick(Texts)) };
        // A type that was changed before need not fit its value.
        bool fits = entry.Type == RawGguf.Array ? entry.Value.Length > 0 : entry.Value.Length is > 0 and <= sizeof(ulong);
        if (!fits || (entry.Type == 6 && entry.Value.Length < sizeof(float)))
            return Any(entry.Key, random);
        if (entry.Type != RawGguf.Array)
        {
            byte[] value = [.. entry.Value];
            if (entry.Type == 6)
                return entry with { Value = BitConverter.GetBytes(Real(BitConverter.ToSingle(value), random)) };
            ulong old =
                value.Length >= 8 ? BitConverter.ToUInt64(value)
                : value.Length >= 4 ? BitConverter.ToUInt32(value)
                : value[0];
            BitConverter.GetBytes(random.Number(old)).AsSpan(0, value.Length).CopyTo(value);
            // A number where one for each block may stand, which some readers of these files allow.
            return random.OneIn(6) && value.Length == 4
                ? new RawEntry(entry.Key, RawGguf.Array, RawGguf.ArrayOf(entry.Type, Repeated(value, random)))
                : entry with
                {
                    Value = value,
                };
        }

        if (RawGguf.Elements(entry) is not { } elements)
            return Any(entry.Key, random);
        uint type = BitConverter.ToUInt32(entry.Value);
        if (random.OneIn(3) || elements.Count == 0)
        {
            Damage.Rearrange(elements, random);
        }
        else
        {
            for (int changes = random.OneIn(4) ? elements.Count : random.Next(1, 4); changes > 0; changes--)
                elements[random.Next(elements.Count)] = Element(type, random);
        }

        return entry with
        {
            Value = RawGguf.ArrayOf(type, elements),
        };
    }

    private static byte[][] Repeated(byte[] value, Random random) => [.. Enumerable.Repeat(value, random.Next(8))];

    private static byte[] Element(uint type, Random random)
    {
        if (type == RawGguf.Text)
            return RawGguf.TextOf(random.Pick(Texts));
        if (type == 6)
            return BitConverter.GetBytes(Real(1, random));
        byte[] number = BitConverter.GetBytes(random.OneIn(2) ? (ulong)random.Next(8) : random.Number(4));
        return number[..RawGguf.ScalarLength(type)];
    }

    private static RawEntry Any(string key, Random random)
    {
        uint type = random.Pick((uint[])[4, 4, 4, 4, 5, 6, 6, 7, 8, 8, 9, 9, 10, 12]);
        switch (type)
        {
            case RawGguf.Text:
                return new RawEntry(key, type, RawGguf.TextOf(random.Pick(Texts)));
            case RawGguf.Array:
                uint element = random.Pick((uint[])[4, 5, 5, 6, 7, 8]);
                return new RawEntry(
                    key,
                    type,
                    RawGguf.ArrayOf(element, [.. Enumerable.Range(0, random.Next(9)).Select(_ => Element(element, random))])
                );
            case 6:
                return new RawEntry(key, type, BitConverter.GetBytes(Real(1, random)));
            case 7:
                return new RawEntry(key, type, [(byte)random.Next(2)]);
            case 12:
                return new RawEntry(key, type, BitConverter.GetBytes((double)Real(1, random)));
            default:
                return new RawEntry(
                    key,
                    type,
                    BitConverter.GetBytes(random.OneIn(2) ? (ulong)random.Next(64) : random.Number(4))[..RawGguf.ScalarLength(type)]
                );
        }
    }

    private static float Real(float old, Random random) =>
        random.Pick((float[])[0, -1, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e-38f, 1e38f, 1e-5f, old * 2, -old, 1]);

    private static void ChangeTensor(RawGguf model, Random random)
    {
        if (model.Tensors.Count == 0)
            return;
        int index = random.Next(model.Tensors.Count);
        RawTensor tensor = model.Tensors[index],
            other = random.Pick(model.Tensors);
        switch (random.Next(10))
        {
            case 0:
                model.Tensors.RemoveAt(index);
                break;
            case 1:
                RemoveFromAllBlocks(model, tensor.Name);
                break;
            case 2:
                model.Tensors[index] = tensor with { Name = other.Name };
                break;
            case 3:
                model.Tensors.Add(other with { Name = Name(random) });
                break;
            case 4:
                model.Tensors[index] = tensor with { Type = random.OneIn(8) ? (uint)random.Next(60) : random.Pick(RawGguf.TensorTypes) };
                break;
            case 5:
                model.Tensors[index] = tensor with { Shape = other.Shape };
                break;
            case 6:
                model.Tensors[index] = tensor with { Shape = [.. tensor.Shape.Reverse()] };
                break;
            case 7:
                model.Tensors[index] = tensor with { Data = Damage.Copy(tensor.Data, random) is { Length: > 0 } data ? data : tensor.Data };
                break;
            case 8 when random.OneIn(3):
                model.Tensors[index] = tensor with { Offset = random.OneIn(2) ? (ulong)random.Next(64) * 32 : random.Number(4096) };
                break;
            case 8:
                model.Tensors[index] = tensor with { Shape = [.. tensor.Shape, random.Pick((ulong[])[0, 1, 2, 3])] };
                break;
            default:
                ulong[] shape = [.. tensor.Shape];
                int dimension = random.Next(shape.Length);
                shape[dimension] = random.OneIn(3)
                    ? random.Number(shape[dimension])
                    : Math.Max(1, shape[dimension] + random.Pick((ulong[])[1, 32, shape[dimension], ulong.MaxValue]));
                model.Tensors[index] = tensor with { Shape = shape };
                break;
        }
    }

    private static void RemoveFromAllBlocks(RawGguf model, string name)
    {
        string end = name[(name.LastIndexOf(".blk.", StringComparison.Ordinal) + 1)..];
        string[] parts = end.Split('.');
        if (parts.Length < 3)
            model.Tensors.RemoveAll(tensor => tensor.Name == name);
        else
            model.Tensors.RemoveAll(tensor => tensor.Name.EndsWith($".{parts[^2]}.{parts[^1]}", StringComparison.Ordinal));
    }

    private static string Name(Random random) =>
        random
            .Pick(GgufNames.Tensors)
            .Replace("%d", random.Next(4).ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal)
        + (random.OneIn(4) ? ".bias" : ".weight");

    private static void ChangeFrame(RawGguf model, Random random)
    {
        switch (random.Next(5))
        {
            case 0:
                model.Version = (uint)random.Number(3);
                break;
            case 1:
                model.ClaimedTensors = random.Number((ulong)model.Tensors.Count);
                break;
            case 2:
                model.ClaimedEntries = random.Number((ulong)model.Entries.Count);
                break;
            case 3:
                model.Alignment = random.Pick((int[])[1, 2, 8, 16, 64, 4096]);
                model.Entries.Insert(
                    0,
                    new RawEntry(
                        "general.alignment",
                        4,
                        BitConverter.GetBytes(random.OneIn(3) ? (uint)random.Number(32) : (uint)model.Alignment)
                    )
                );
                break;
            default:
                Damage.Rearrange(model.Tensors, random);
                break;
        }
    }
}
