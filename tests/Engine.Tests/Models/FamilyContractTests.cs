using Tessera.Engine.Tests.Gguf;
using Tessera.Gguf;
using Tessera.Vision.Families;
using Tessera.Vision.Parts;

namespace Tessera.Engine.Tests.Models;

/// <summary>What every row of the table of families has: a shape for random weights, plans worked out by hand, a golden, its
/// words.</summary>
public sealed class FamilyContractTests
{
    public static TheoryData<int> Rows => [.. Enumerable.Range(0, VisionFamilies.All.Count)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Its_shape_is_recognised_as_its_own_and_a_picture_can_be_planned(int row)
    {
        using var folder = new TemporaryFolder();
        using GgufFile file = OpenShape(VisionFamilies.All[row], folder);
        Assert.Same(VisionFamilies.All[row], VisionFamilies.Find(file));
        FamilyParts parts = VisionFamilies.All[row].Open(file, Preprocessing.Original);
        Assert.Equal(2048, parts.EmbeddingWidth);
        SlicePlan picture = parts.Processor.Plan(new PixelSize(800, 1300), PlanRequest.Default);
        Assert.Equal(picture.Layout.Sum(static span => span.RowCount), picture.ImageTokenCount);
        SlicePlan video = parts.Processor.PlanVideo([new(640, 480), new(640, 480), new(640, 480)], PlanRequest.Default);
        Assert.Equal((3, 3), (video.FrameCount, video.Slices.Select(static slice => slice.Frame).Distinct().Count()));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Its_plans_are_worked_out_by_hand(int row)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            ReleasedProjectors.All(),
            released =>
            {
                using GgufFile file = GgufFile.Open(SlicedProjectors.Write(folder, contents => contents.Become(released.File)));
                return VisionFamilies.Find(file) == VisionFamilies.All[row];
            }
        );
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_golden_holds_it(int row) =>
        Assert.Contains(
            Directory.EnumerateFiles(RepositoryRoot.Path("tests", "goldens"), "mmproj-f16.gguf", SearchOption.AllDirectories),
            path =>
            {
                using GgufFile file = GgufFile.Open(path);
                return VisionFamilies.Find(file) == VisionFamilies.All[row];
            }
        );

    [Theory]
    [MemberData(nameof(Rows))]
    public void Its_name_stands_in_the_README_and_its_keys_in_the_documentation(int row)
    {
        using var folder = new TemporaryFolder();
        using GgufFile file = OpenShape(VisionFamilies.All[row], folder);
        string name = VisionFamilies.All[row].NameOf(file);
        Assert.Contains(name, File.ReadAllText(RepositoryRoot.Path("README.md")), StringComparison.Ordinal);
        string keys = File.ReadAllText(RepositoryRoot.Path("docs", "gguf.md"));
        Assert.All(VisionFamilies.All[row].ProjectorTypes, type => Assert.Contains($"`{type}`", keys, StringComparison.Ordinal));
    }

    // Released sizes, without their gigabytes: a file with a hole where the numbers would be.
    private static GgufFile OpenShape(VisionFamily family, TemporaryFolder folder)
    {
        var writer = new GgufWriter();
        var draft = new HeaderDraft(writer) { LanguageWidth = 2048 };
        family.Shape.Write(draft);
        string path = folder.File("shape.gguf");
        using (FileStream file = File.Create(path))
        {
            long length = writer.WriteHeader(file);
            file.SetLength(length + writer.Alignment + draft.ByteLength);
        }

        return GgufFile.Open(path);
    }

    private sealed class HeaderDraft(GgufWriter writer) : ProjectorDraft
    {
        public override void Metadata(string key, GgufValue value) => writer.AddMetadata(key, value);

        public override void Matrix(string name, long inputs, long outputs) => Half(name, inputs, outputs);

        /// <summary>Bytes of the tensors with their padding.</summary>
        public long ByteLength { get; private set; }

        public override void Half(string name, params long[] shape) => Add(name, GgufTensorType.F16, shape);

        public override void Vector(string name, long width, float value) => Add(name, GgufTensorType.F32, [width]);

        public override void Values(string name, params long[] shape) => Add(name, GgufTensorType.F32, shape);

        private void Add(string name, GgufTensorType type, long[] shape)
        {
            writer.AddTensor(name, type, shape, static _ => { });
            ByteLength += shape.Aggregate((long)type.BlockByteLength(), static (product, side) => product * side) + writer.Alignment;
        }
    }
}
