using System.Diagnostics;
using Tessera.Gguf;

namespace Tessera.Engine.Tests.Gguf;

public class GgufFileTests
{
    [Fact]
    public void GetTensorData_StaysInsideTheTensor()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.gguf", TwoTensors());
        using GgufFile file = GgufFile.Open(path);
        using GgufFile other = GgufFile.Open(path);
        GgufTensor tensor = file.Tensors[0];
        Assert.Equal(8, file.GetTensorData(tensor, 0, 8).Length);
        Assert.Equal(0, file.GetTensorData(tensor, 8, 0).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.GetTensorData(tensor, 1, 8).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.GetTensorData(tensor, -1, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.GetTensorData(tensor, 0, -1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.GetTensorData(tensor, long.MaxValue, 1).Length);
        Assert.Throws<ArgumentException>(() => file.GetTensorData(other.Tensors[0], 0, 1).Length);
    }

    [Fact]
    public void GetTensorData_RefusesAfterDispose()
    {
        using var folder = new TemporaryFolder();
        GgufFile file = GgufFile.Open(folder.File("a.gguf", TwoTensors()));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.GetTensorData(file.Tensors[0], 0, 1).Length);
    }

    [Fact]
    public void ReadTensorData_gives_the_bytes_and_names_a_file_that_became_shorter()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.gguf", TwoTensors());
        using GgufFile file = GgufFile.Open(path);
        GgufTensor tensor = file.Tensors[^1];
        var bytes = new byte[tensor.ByteLength - 1];
        file.ReadTensorData(tensor, 1, bytes);
        Assert.Equal(file.GetTensorData(tensor, 1, bytes.Length), bytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadTensorData(tensor, 2, bytes));
        using (var writer = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            writer.SetLength(tensor.DataOffset + 1);
        Assert.Contains(
            "a.gguf: the file cannot be read",
            Assert.Throws<ModelFileException>(() => file.ReadTensorData(tensor, 1, bytes)).Message
        );
    }

    [Fact]
    public void Open_ReadsTensorsBeyondTwoGibibytes()
    {
        const long FirstLength = 5L << 30;
        using var folder = new TemporaryFolder();
        string path = folder.File(
            "large.gguf",
            RawGguf
                .Start(2, 0)
                .Tensor("first", GgufTensorType.I8, 0, 1024, FirstLength / 1024)
                .Tensor("second", GgufTensorType.I8, FirstLength, 4)
                .Data(0)
                .ToArray()
        );
        using (FileStream stream = File.OpenWrite(path))
        {
            stream.Position = stream.Length + FirstLength - 1; // sparse
            stream.Write([9, 1, 2, 3, 4]);
        }
        using GgufFile file = GgufFile.Open(path);
        Assert.Equal(FirstLength, file.Tensors[0].ByteLength);
        Assert.Equal([9], file.GetTensorData(file.Tensors[0], FirstLength - 1, 1).ToArray());
        Assert.Equal([1, 2, 3, 4], file.GetTensorData(file.Tensors[1], 0, 4).ToArray());
    }

    [Fact]
    public void Open_FollowsLinks()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var folder = new TemporaryFolder();
        folder.File("blob", TwoTensors());
        File.CreateSymbolicLink(folder.File("link"), "blob");
        File.CreateSymbolicLink(folder.File("a.gguf"), "link");
        using GgufFile file = GgufFile.Open(folder.File("a.gguf"));
        Assert.Equal(2, file.Tensors.Count);
    }

    [Fact]
    public void Open_SaysWhatIsNoFile()
    {
        using var folder = new TemporaryFolder();
        AssertRefused(folder.File("none.gguf"), "there is no such file.");
        AssertRefused(folder.File("no/folder.gguf"), "there is no such file.");
        AssertRefused("", "there is no such file.");
        AssertRefused("a\0b", "there is no such file.");
        AssertRefused(folder.FullName, "this is a directory, not a GGUF file.");
        AssertRefused(folder.File("empty.gguf", []), "the file is empty");
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/zero")]
    [InlineData("/dev/stdin")]
    [InlineData("/proc/version")]
    public void Open_RefusesDevices(string path)
    {
        if (File.Exists(path))
            AssertRefused(path, "the file");
    }

    [Fact]
    public async Task Open_RefusesPipesWithoutWaiting()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var folder = new TemporaryFolder();
        using (Process make = Process.Start("mkfifo", [folder.File("pipe")]))
            await make.WaitForExitAsync();
        File.CreateSymbolicLink(folder.File("link"), folder.File("pipe"));
        foreach (string name in new[] { "pipe", "link" })
            await Task.Run(() => AssertRefused(folder.File(name), "or is a pipe or device")).WaitAsync(Patience.Limit);
    }

    [Fact]
    public void Open_RefusesLinksThatGoInCircles()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(folder.File("a"), folder.File("b"));
        File.CreateSymbolicLink(folder.File("b"), folder.File("a"));
        AssertRefused(folder.File("a"), "");
    }

    [Fact]
    public void Open_SaysThatItMayNotRead()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
            return;
        using var folder = new TemporaryFolder();
        string path = folder.File("a.gguf", TwoTensors());
        File.SetUnixFileMode(path, UnixFileMode.None);
        AssertRefused(path, "the file may not be read");
    }

    private static byte[] TwoTensors() =>
        RawGguf.Start(2, 0).Tensor("a", GgufTensorType.F32, 0, 2).Tensor("b", GgufTensorType.F32, 32, 2).Data(40).ToArray();

    private static void AssertRefused(string path, string fragment)
    {
        ModelFileException failure = Assert.Throws<ModelFileException>(() => GgufFile.Open(path));
        // What would steer a terminal is left out of messages.
        Assert.StartsWith(path.Replace("\0", "", StringComparison.Ordinal) + ": ", failure.Message);
        Assert.Contains(fragment, failure.Message);
    }
}
