using Tessera.Gguf;

namespace Tessera.Engine.Tests.Gguf;

/// <summary>What no file may do: crash the program, take memory that it only claims to need, or fail without naming the fault.</summary>
public class GgufHostileFileTests
{
    private const long AllocationLimit = 1L << 20;
    private const int MutationCount = 20_000;
    private const int OpenedMutationCount = 400;

    public static TheoryData<string> Names => [.. HostileFiles.All.Select(file => file.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Open_RefusesWithOneSentence(string name)
    {
        (_, byte[] bytes, string fragment) = HostileFiles.All.Single(file => file.Name == name);
        using var folder = new TemporaryFolder();
        string path = folder.File("bad.gguf", bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        ModelFileException failure = Assert.Throws<ModelFileException>(() => GgufFile.Open(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationLimit);
        Assert.StartsWith(path + ": ", failure.Message);
        Assert.Contains(fragment, failure.Message);
        Assert.EndsWith(".", failure.Message);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Fact]
    public void Open_ReadsTheDeepestNestingThatIsAllowed()
    {
        GgufValue value = GgufValue.FromArray<byte>([7]);
        for (int i = 1; i < GgufMetadataReader.MaxArrayDepth; i++)
            value = GgufValue.FromArray<GgufValue>([value]);
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter();
        writer.AddMetadata("deep", value);
        writer.Save(folder.File("a.gguf"));
        using GgufFile file = GgufFile.Open(folder.File("a.gguf"));
        Assert.Equal(GgufValueType.Array, file.Metadata["deep"].ElementType);
    }

    [Fact]
    public void Open_BoundsTheHeaderOfASparseFile()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File(
            "sparse.gguf",
            RawGguf.Start(0, 1).Key("k", GgufValueType.Array).Array(GgufValueType.String, 1UL << 30).ToArray()
        );
        using (FileStream stream = File.OpenWrite(path))
            stream.SetLength(16L << 30);
        long before = GC.GetAllocatedBytesForCurrentThread();
        ModelFileException failure = Assert.Throws<ModelFileException>(() => GgufFile.Open(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationLimit);
        Assert.Contains("only the first 128 MiB of a file may hold its header", failure.Message);
    }

    [Fact]
    public void Read_SurvivesMutations()
    {
        byte[] original = File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", "gguf", "all_types.gguf"));
        int headerLength = (int)GgufHeader.Read(new MemoryStream(original), original.Length, "").Tensors[0].DataOffset;
        var mutator = new Mutator(original, headerLength, seed: 2026);
        int refusedCount = 0;
        for (int i = 0; i < MutationCount; i++)
        {
            byte[] mutated = mutator.Next();
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                GgufHeader header = GgufHeader.Read(new MemoryStream(mutated), mutated.Length, "mutated");
                Assert.All(header.Tensors, tensor => AssertInside(tensor, mutated.Length));
            }
            catch (ModelFileException)
            {
                refusedCount++;
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationLimit);
        }
        // Most bytes of a header are checked; values and letters of names are free to change.
        Assert.InRange(refusedCount, MutationCount / 2, MutationCount - 1);
    }

    [Fact]
    public void Open_SurvivesMutations()
    {
        byte[] original = File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", "gguf", "all_types.gguf"));
        var mutator = new Mutator(original, original.Length, seed: 7);
        using var folder = new TemporaryFolder();
        for (int i = 0; i < OpenedMutationCount; i++)
        {
            string path = folder.File("mutated.gguf", mutator.Next());
            try
            {
                using GgufFile file = GgufFile.Open(path);
                foreach (GgufTensor tensor in file.Tensors)
                    Assert.Equal(tensor.ByteLength, file.GetTensorData(tensor, 0, (int)tensor.ByteLength).ToArray().Length);
            }
            catch (ModelFileException)
            {
                // Refused, as it may be.
            }
        }
    }

    private static void AssertInside(GgufTensor tensor, long fileLength)
    {
        Assert.InRange(tensor.ByteLength, 1, fileLength);
        Assert.InRange(tensor.DataOffset, 0, fileLength - tensor.ByteLength);
    }
}
