using Tessera.Gguf;

namespace Tessera.Engine.Tests.Gguf;

public class GgufMetadataTests
{
    private static readonly GgufMetadata Metadata = Make(
        ("u8", GgufValue.From((byte)200)),
        ("i64", GgufValue.From(-5L)),
        ("u64", GgufValue.From(5_000_000_000UL)),
        ("f32", GgufValue.From(0.5f)),
        ("f64", GgufValue.From(1e-6)),
        ("huge", GgufValue.From(1e300)),
        ("infinite", GgufValue.From(double.PositiveInfinity)),
        ("bool", GgufValue.From(true)),
        ("text", GgufValue.From("clip")),
        ("i8s", GgufValue.FromArray<sbyte>([-1, 2])),
        ("u32s", GgufValue.FromArray<uint>([7, 4_000_000_000])),
        ("i32s", GgufValue.FromArray<int>([-2, 3])),
        ("f64s", GgufValue.FromArray<double>([0.25, 4])),
        ("f32s", GgufValue.FromArray<float>([0.5f])),
        ("texts", GgufValue.FromArray<string>(["a", "b"])),
        ("rows", GgufValue.FromArray<GgufValue>([GgufValue.FromArray<int>([1])]))
    );

    [Fact]
    public void Accessors_ConvertWhatLosesNothing()
    {
        Assert.Equal(200u, Metadata.RequireUInt32("u8"));
        Assert.Equal(0.5f, Metadata.RequireSingle("f32"));
        Assert.Equal(1e-6f, Metadata.RequireSingle("f64"));
        Assert.Equal(float.PositiveInfinity, Metadata.RequireSingle("infinite"));
        Assert.True(Metadata.RequireBoolean("bool"));
        Assert.Equal("clip", Metadata.RequireString("text"));
        Assert.Equal([-1, 2], Metadata.RequireInt32Array("i8s"));
        Assert.Equal([-2, 3], Metadata.RequireInt32Array("i32s"));
        Assert.Equal([0.25f, 4], Metadata.RequireSingleArray("f64s"));
        Assert.Equal([0.5f], Metadata.RequireSingleArray("f32s"));
        Assert.Equal(["a", "b"], Metadata.RequireStringArray("texts"));
    }

    [Fact]
    public void TryAccessors_AnswerFalseForAMissingKey()
    {
        Assert.False(Metadata.TryGetString("none", out _));
        Assert.False(Metadata.TryGetUInt32("none", out _));
        Assert.False(Metadata.TryGetSingle("none", out _));
        Assert.False(Metadata.TryGetBoolean("none", out _));
        Assert.False(Metadata.TryGetInt32Array("none", out _));
        Assert.False(Metadata.TryGetSingleArray("none", out _));
        Assert.False(Metadata.TryGetStringArray("none", out _));
    }

    [Fact]
    public void RequireAccessors_NameTheMissingKey()
    {
        Action[] calls =
        [
            () => Metadata.RequireString("no.key"),
            () => Metadata.RequireUInt32("no.key"),
            () => Metadata.RequireSingle("no.key"),
            () => Metadata.RequireBoolean("no.key"),
            () => Metadata.RequireInt32Array("no.key"),
            () => Metadata.RequireSingleArray("no.key"),
            () => Metadata.RequireStringArray("no.key"),
        ];
        foreach (Action call in calls)
            AssertProblem("model.gguf: the metadata key 'no.key' is missing.", call);
    }

    [Fact]
    public void Accessors_NameKeyAndKindsWhenTheKindIsWrong()
    {
        AssertProblem("'u8' is of kind uint8, but a string is expected", () => Metadata.TryGetString("u8", out _));
        AssertProblem("'text' is of kind string, but an integer is expected", () => Metadata.TryGetUInt32("text", out _));
        AssertProblem("'i32s' is of kind array of int32, but an integer is expected", () => Metadata.TryGetUInt32("i32s", out _));
        AssertProblem("'u8' is of kind uint8, but a floating-point number is expected", () => Metadata.TryGetSingle("u8", out _));
        AssertProblem("'u8' is of kind uint8, but a bool is expected", () => Metadata.TryGetBoolean("u8", out _));
        AssertProblem("'u8' is of kind uint8, but an array of integers is expected", () => Metadata.TryGetInt32Array("u8", out _));
        AssertProblem("'rows' is of kind array of array, but an array of integers", () => Metadata.TryGetInt32Array("rows", out _));
        AssertProblem("'i32s' is of kind array of int32, but an array of floating", () => Metadata.TryGetSingleArray("i32s", out _));
        AssertProblem("'text' is of kind string, but an array of strings", () => Metadata.TryGetStringArray("text", out _));
    }

    [Fact]
    public void Accessors_RefuseNumbersThatDoNotFit()
    {
        AssertProblem("'i64' holds -5, which does not fit an unsigned 32-bit integer", () => Metadata.TryGetUInt32("i64", out _));
        AssertProblem("'u64' holds 5000000000, which", () => Metadata.TryGetUInt32("u64", out _));
        AssertProblem("'u32s' holds [7, 4000000000], which", () => Metadata.TryGetInt32Array("u32s", out _));
        AssertProblem("'huge' holds 1E+300, which does not fit single precision", () => Metadata.TryGetSingle("huge", out _));
    }

    [Fact]
    public void Value_GivesOnlyItsExactType()
    {
        Assert.False(Metadata["u8"].TryGet(out int _));
        Assert.False(Metadata["u32s"].TryGetArray(out ReadOnlyMemory<int> _));
        Assert.False(Metadata["u8"].TryGetArray(out ReadOnlyMemory<byte> _));
        Assert.True(Metadata["u32s"].TryGetArray(out ReadOnlyMemory<uint> _));
        Assert.Equal("[0, 1, 2, 3, 4, 5, 6, 7, ... (20 in all)]", GgufValue.FromArray<int>([.. Enumerable.Range(0, 20)]).ToString());
    }

    private static GgufMetadata Make(params (string Key, GgufValue Value)[] entries)
    {
        var dictionary = new OrderedDictionary<string, GgufValue>();
        foreach ((string key, GgufValue value) in entries)
            dictionary.Add(key, value);
        return new GgufMetadata("model.gguf", dictionary);
    }

    private static void AssertProblem(string fragment, Action action) =>
        Assert.Contains(fragment, Assert.Throws<ModelFileException>(action).Message);
}
