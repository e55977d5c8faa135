using Tessera.Vision.Encoding;

namespace Tessera.Engine.Tests;

/// <summary>The cache of picture embeddings keeps its budget, and its folder survives damage, crashes and other processes.</summary>
public sealed class EmbeddingCacheTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-cache-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void The_least_recently_used_goes_first()
    {
        var cache = new EmbeddingCache(3 * 40, null);
        foreach (int number in (int[])[1, 2, 3])
            cache.Add(Key(number), Values(number));
        Assert.NotNull(cache.Find(Key(1), 10));
        cache.Add(Key(4), Values(4));
        Assert.Null(cache.Find(Key(2), 10));
        Assert.All((int[])[1, 3, 4], number => Assert.Equal(Values(number), cache.Find(Key(number), 10)!.Value.ToArray()));
        Assert.Equal(120, cache.ByteCount);
    }

    [Fact]
    public void What_is_larger_than_the_budget_is_not_kept()
    {
        var cache = new EmbeddingCache(39, null);
        cache.Add(Key(1), Values(1));
        Assert.Null(cache.Find(Key(1), 10));
        Assert.Equal(0, cache.ByteCount);
    }

    [Fact]
    public void A_folder_keeps_embeddings_for_the_next_process()
    {
        new EmbeddingCache(0, new EmbeddingFolder(folder, 1 << 20)).Add(Key(1), Values(1));
        Assert.Equal(Values(1), new EmbeddingCache(0, new EmbeddingFolder(folder, 1 << 20)).Find(Key(1), 10)!.Value.ToArray());
        Assert.Null(new EmbeddingFolder(folder, 1 << 20).Find(Key(2), 10));
    }

    [Fact]
    public void A_damaged_entry_is_a_miss_and_is_removed()
    {
        var store = new EmbeddingFolder(folder, 1 << 20);
        var random = new Random(3);
        for (int damage = 0; damage < 60; damage++)
        {
            store.Add(Key(1), Values(1));
            string file = Assert.Single(Directory.GetFiles(folder));
            byte[] bytes = File.ReadAllBytes(file);
            if (damage % 3 == 0)
                bytes = bytes[..random.Next(bytes.Length)];
            else if (damage % 3 == 1)
                bytes = [.. bytes, 0];
            else
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(file, bytes);
            Assert.Null(store.Find(Key(1), 10));
            Assert.Empty(Directory.GetFiles(folder));
        }
    }

    [Fact]
    public void The_folder_keeps_its_budget_and_drops_the_longest_unused()
    {
        const int EntryLength = 12 + 40 + 32;
        var store = new EmbeddingFolder(folder, 3 * EntryLength);
        for (int number = 1; number <= 5; number++)
        {
            store.Add(Key(number), Values(number));
            foreach (string file in Directory.GetFiles(folder))
                File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddSeconds(-5));
            if (number > 1)
                Assert.NotNull(store.Find(Key(1), 10));
        }

        Assert.Equal(3, Directory.GetFiles(folder).Length);
        Assert.NotNull(store.Find(Key(5), 10));
        Assert.Null(store.Find(Key(2), 10));
    }

    [Fact]
    public async Task Many_may_write_and_read_the_same_entries()
    {
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(worker =>
                    Task.Run(() =>
                    {
                        var store = new EmbeddingFolder(folder, 1 << 20);
                        for (int round = 0; round < 40; round++)
                        {
                            int number = (worker + round) % 5;
                            store.Add(Key(number), Values(number));
                            if (store.Find(Key(number), 10) is { } found)
                                Assert.Equal(Values(number), found);
                        }
                    })
                )
        );
        Assert.Equal(5, Directory.GetFiles(folder).Length);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_fails_nothing()
    {
        string file = Path.Combine(folder, "file");
        File.WriteAllText(file, "");
        var store = new EmbeddingFolder(Path.Combine(file, "below"), 1 << 20);
        store.Add(Key(1), Values(1));
        Assert.Null(store.Find(Key(1), 10));
    }

    [Fact]
    public void A_key_tells_pictures_models_and_plans_apart()
    {
        SlicePlan Plan(int side) =>
            new()
            {
                Image = new PixelSize(side, side),
                Refined = new PixelSize(side, side),
                Layout = [new LayoutSpan("overview", 4)],
                Slices = [new Slice(SliceKind.Overview, 0, 0, new PixelSize(side, side), 4, default)],
            };
        PromptImage picture = new(new byte[] { 1, 2 }, "a"),
            same = new(new byte[] { 1, 2 }, "b"),
            other = new(new byte[] { 1, 3 }, "a");
        Assert.Equal(MediaKey.Of(picture, "m", Plan(8)), MediaKey.Of(same, "m", Plan(8)));
        Assert.Equal(
            4,
            new[]
            {
                MediaKey.Of(picture, "m", Plan(8)),
                MediaKey.Of(other, "m", Plan(8)),
                MediaKey.Of(picture, "n", Plan(8)),
                MediaKey.Of(picture, "m", Plan(9)),
            }
                .Distinct()
                .Count()
        );
    }

    private static MediaKey Key(int number) => new($"{number:x64}");

    private static float[] Values(int number) => [.. Enumerable.Range(0, 10).Select(index => number + (index / 10f))];
}
