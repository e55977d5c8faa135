using System.Globalization;
using System.Security.Cryptography;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>The digests that a file records are those of the files that it was made from, in whatever order they were read.</summary>
public sealed class SourceDigestTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("llama")]
    [InlineData("llama-pytorch")]
    [InlineData("llava-onevision-hf")]
    [InlineData("nvila")]
    public async Task Each_source_is_recorded_with_its_digest(string checkpoint)
    {
        string path = Goldens.Folder(checkpoint);
        using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.Path });
        await converter.ConvertAsync();
        foreach (string? file in (string?[])[converter.Model.Path, converter.Projector?.Path])
        {
            if (file is null)
                continue;
            using GgufFile made = GgufFile.Open(file);
            uint count = made.Metadata.RequireUInt32("tessera.source.count");
            Assert.True(count >= 3);
            for (int index = 0; index < count; index++)
            {
                string key = string.Create(CultureInfo.InvariantCulture, $"tessera.source.{index}.");
                byte[] bytes = File.ReadAllBytes(Path.Combine(path, made.Metadata.RequireString(key + "name")));
                Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), made.Metadata.RequireString(key + "sha256"));
            }
        }
    }

    [Fact]
    public void What_is_offered_in_any_order_is_digested_once_and_in_order()
    {
        byte[] contents = new byte[5_000_000];
        new Random(3).NextBytes(contents);
        File.WriteAllBytes(folder.File("weights"), contents);
        using var file = new WeightFile(folder.File("weights"));
        using var digests = new SourceDigests([], [("weights", file)], CancellationToken.None);
        foreach (
            (int start, int length) in (ReadOnlySpan<(int, int)>)
                [(100, 1000), (1100, 2_000_000), (50, 60), (3_000_000, 1), (3_000_001, 999_999)]
        )
        {
            SharedBuffer buffer = SourceDigests.Rent(length);
            file.Read(start, buffer.Bytes.AsSpan(0, length));
            digests.Offer(file, start, buffer, length);
            buffer.Release();
        }

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(contents)), digests.Finish()["weights"]);
    }

    [Fact]
    public void A_file_that_becomes_shorter_is_told_and_nobody_waits()
    {
        File.WriteAllBytes(folder.File("weights"), new byte[3_000_000]);
        using var file = new WeightFile(folder.File("weights"));
        File.WriteAllBytes(folder.File("weights"), new byte[10]);
        using var digests = new SourceDigests([], [("weights", file)], CancellationToken.None);
        for (int index = 0; index < 100; index++)
        {
            SharedBuffer buffer = SourceDigests.Rent(10);
            digests.Offer(file, 1_000_000 + index * 10, buffer, 10);
            buffer.Release();
        }

        Assert.Contains("ended while it was read", Assert.Throws<CheckpointException>(() => digests.Finish()).Message);
    }
}
