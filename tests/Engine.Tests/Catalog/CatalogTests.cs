using System.Security.Cryptography;
using System.Text;
using Tessera.Catalog;

namespace Tessera.Engine.Tests.Catalog;

/// <summary>The catalogue's text, and pulls by name, repository and address into a store of the test's own.</summary>
public sealed class CatalogTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-store").FullName;
    private readonly byte[] file = RandomNumberGenerator.GetBytes(100_000);

    public CatalogTests() => Environment.SetEnvironmentVariable(ModelStore.FolderVariable, folder);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(ModelStore.FolderVariable, null);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void The_catalogue_has_many_models_that_say_what_they_are()
    {
        IReadOnlyList<CatalogEntry> entries = ModelCatalog.Entries();
        Assert.True(entries.Count(static entry => !entry.IsEmbedded) >= 25);
        Assert.Equal("tiny", ModelCatalog.EmbeddedName);
        Assert.All(entries, static entry => Assert.All((string[])[entry.About, entry.Family, entry.Licence], Assert.NotEmpty));
        Assert.All(entries, static entry => Assert.InRange(entry.MemoryBytes, 1, 100_000_000_000));
        Assert.All(entries.Where(static entry => !entry.IsEmbedded), static entry => Assert.NotNull(HubSource.TryParse(entry.Source!)));
    }

    [Theory]
    [InlineData("name: a b\nmodel: x", "letters, digits")]
    [InlineData("name: a\nmodel: x\n\nname: a\nmodel: x", "twice")]
    [InlineData("name: a\nname: b", "twice")]
    [InlineData("name: a\nmodel: x\ncolour: red", "'colour' is not known")]
    [InlineData("name: a\nmodel: x\nmodel-sha256: 12", "64 hexadecimal")]
    [InlineData("name: a\nmodel: x\nmemory: much", "'much' is no size")]
    [InlineData("name: a", "neither source nor model")]
    [InlineData("no colon", "'key: value'")]
    public void What_cannot_be_understood_is_named(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<TesseraException>(() => CatalogText.Read(text, "models.txt")).Message);

    [Fact]
    public void The_users_own_entries_come_with_the_others()
    {
        File.WriteAllText(Path.Combine(folder, "models.txt"), "name: mine\nsource: hf:a/b\nmodel: x.gguf\nmemory: 1.5 GB\n");
        Assert.Equal(1_500_000_000, ModelCatalog.Entries().Single(static entry => entry.Name == "mine").MemoryBytes);
        Assert.Contains("pull it first", Assert.Throws<TesseraException>(() => ModelCatalog.Resolve("mine", null, true)).Message);
    }

    [Fact]
    public void A_name_that_is_unknown_suggests_near_ones()
    {
        string message = Assert.Throws<UnknownModelException>(() => ModelCatalog.Resolve("minicpm-v2.6", null, true)).Message;
        Assert.Contains("did you mean minicpm-v-2.6", message);
        UnknownModelException part = Assert.Throws<UnknownModelException>(() => ModelCatalog.Resolve("OneVision", null, true));
        Assert.All(part.NearNames, static name => Assert.Contains("onevision", name));
        Assert.Empty(Assert.Throws<UnknownModelException>(() => ModelCatalog.Resolve("nothing-like-it-at-all", null, true)).NearNames);
    }

    [Theory]
    [InlineData("hf:a/b", true)]
    [InlineData("hf:a/b:c/d.gguf", true)]
    [InlineData("hf:a", false)]
    [InlineData("hf:a/../b", false)]
    [InlineData("hf:a/b:../c", false)]
    [InlineData("hf:a/b:c\\d", false)]
    [InlineData("hf:../b", false)]
    [InlineData("hf:a/b:/etc/passwd", false)]
    public void Repositories_stay_inside_their_folder(string text, bool isOne) => Assert.Equal(isOne, HubSource.TryParse(text) is not null);

    [Fact]
    public async Task A_repository_is_pulled_used_by_its_name_and_removed()
    {
        using FaultyServer hub = Hub(
            ("sub/model-Q4_K_M.gguf", true),
            ("model-Q8_0.gguf", true),
            ("mmproj-f16.gguf", true),
            ("README.md", false)
        );
        PulledModel pulled = await PullAsync(hub, "hf:owner/repo");
        Assert.Equal(("repo", Path.Combine(folder, "repo", "model-Q4_K_M.gguf")), (pulled.Name, pulled.ModelPath));
        Assert.Equal((pulled.ModelPath, pulled.ProjectorPath), ModelCatalog.Resolve("repo", null, needsVision: true));
        Assert.Null(ModelCatalog.Resolve("repo", null, needsVision: false).ProjectorPath);
        Assert.Equal(pulled, Assert.Single(ModelCatalog.Pulled()));
        int asked = hub.Requests.Count;
        await PullAsync(hub, "hf:owner/repo");
        Assert.Equal(asked + 1, hub.Requests.Count); // the list alone
        Assert.Equal(200_000, ModelCatalog.Remove("repo"));
        Assert.Empty(ModelCatalog.Pulled());
        Assert.Contains("No model 'repo'", Assert.Throws<TesseraException>(() => ModelCatalog.Remove("repo")).Message);
    }

    [Fact]
    public async Task One_file_of_a_repository_comes_with_its_projector()
    {
        using FaultyServer hub = Hub(("a.gguf", true), ("b.gguf", true), ("mmproj-b.gguf", true));
        PulledModel pulled = await PullAsync(hub, "hf:owner/repo:b.gguf");
        Assert.Equal(["b.gguf", "mmproj-b.gguf"], Directory.GetFiles(pulled.Folder).Select(Path.GetFileName).Order());
        PullException failure = await Assert.ThrowsAsync<PullException>(() => PullAsync(hub, "hf:owner/repo"));
        Assert.Contains("hf:owner/repo:FILE: a.gguf, b.gguf", failure.Message);
    }

    [Fact]
    public async Task A_split_model_comes_with_all_its_parts()
    {
        using FaultyServer hub = Hub(
            ("q8/model-Q8_0-00001-of-00002.gguf", true),
            ("q8/model-Q8_0-00002-of-00002.gguf", true),
            ("model-Q4_K_M-00001-of-00002.gguf", true),
            ("model-Q4_K_M-00002-of-00002.gguf", true),
            ("mmproj.gguf", true)
        );
        PulledModel pulled = await PullAsync(hub, "hf:owner/repo");
        Assert.Equal(
            ["mmproj.gguf", "model-Q4_K_M-00001-of-00002.gguf", "model-Q4_K_M-00002-of-00002.gguf"],
            Directory.GetFiles(pulled.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
        Assert.EndsWith("00001-of-00002.gguf", pulled.ModelPath);
    }

    [Fact]
    public async Task A_checkpoint_whose_sides_lie_in_folders_keeps_them()
    {
        using FaultyServer hub = Hub(
            ("config.json", false),
            ("llm/config.json", false),
            ("llm/model.safetensors", true),
            ("vision_tower/model.safetensors", true),
            ("mm_projector/model.safetensors", true),
            ("mm_projector/pytorch_model.bin", true),
            ("original/consolidated.00.pth", true),
            ("consolidated.safetensors", true)
        );
        PulledModel pulled = await PullAsync(hub, "hf:owner/repo");
        Assert.Equal(
            ["config.json", "llm/config.json", "llm/model.safetensors", "mm_projector/model.safetensors", "vision_tower/model.safetensors"],
            Directory
                .GetFiles(pulled.CheckpointFolder!, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(pulled.CheckpointFolder!, path).Replace('\\', '/'))
                .Order(StringComparer.Ordinal)
        );
        ModelCatalog.Remove("repo");
        Assert.False(Directory.Exists(pulled.Folder));
    }

    [Fact]
    public async Task A_checkpoint_is_pulled_to_be_converted()
    {
        using FaultyServer hub = Hub(
            ("config.json", false),
            ("model.safetensors", true),
            ("pytorch_model.bin", true),
            ("flax.msgpack", true),
            ("tokenizer.json", false)
        );
        PulledModel pulled = await PullAsync(hub, "hf:owner/repo");
        Assert.Null(pulled.ModelPath);
        Assert.Equal(
            ["config.json", "model.safetensors", "tokenizer.json"],
            Directory.GetFiles(pulled.CheckpointFolder!).Select(Path.GetFileName).Order()
        );
        Assert.Contains("converted first", Assert.Throws<TesseraException>(() => ModelCatalog.Resolve("repo", null, true)).Message);
    }

    [Fact]
    public async Task An_entry_of_the_catalogue_asks_which_file_is_meant()
    {
        using FaultyServer hub = Hub(("X-Q4_K_M.gguf", true), ("X-Q8_0.gguf", true), ("mmproj-X-f16.gguf", true));
        File.WriteAllText(Path.Combine(folder, "models.txt"), "name: mine\nsource: hf:owner/repo\nmodel: *Q4_K_M*\nmmproj: *mmproj*\n");
        PulledModel pulled = await PullAsync(hub, "mine");
        Assert.Equal(("X-Q4_K_M.gguf", "mmproj-X-f16.gguf"), (Path.GetFileName(pulled.ModelPath), Path.GetFileName(pulled.ProjectorPath)));
    }

    [Fact]
    public async Task A_digest_of_the_catalogue_counts_where_the_repository_is_asked_for_names()
    {
        using FaultyServer hub = Hub(("X-Q4_K_M.gguf", true), ("mmproj-X-f16.gguf", true));
        File.WriteAllText(
            Path.Combine(folder, "models.txt"),
            $"name: mine\nsource: hf:owner/repo\nmodel: X-Q4_K_M.gguf\nmodel-sha256: {new string('a', 64)}\nmmproj: *mmproj*\n"
        );
        PullException failure = await Assert.ThrowsAsync<PullException>(() => PullAsync(hub, "mine"));
        Assert.Equal(PullFailure.WrongDigest, failure.Failure);
    }

    [Fact]
    public async Task An_address_is_pulled_under_its_files_name()
    {
        using var server = new FaultyServer(_ => new Serving(file));
        PulledModel pulled = await ModelCatalog.PullAsync(new Uri(server.Address, "some/My%20Model.gguf?download=true").ToString());
        Assert.Equal(("My-Model", "My Model.gguf"), (pulled.Name, Path.GetFileName(pulled.ModelPath)));
    }

    [Theory]
    [InlineData("[{\"type\":\"file\",\"path\":\"../x.gguf\",\"size\":1}]", "no GGUF file")]
    [InlineData("[{\"type\":\"file\"", "cannot be understood")]
    [InlineData("{}", "cannot be understood")]
    [InlineData("[{\"type\":\"file\",\"path\":\"x.gguf\",\"size\":\"many\"}]", "cannot be understood")]
    public async Task Lists_that_lie_are_one_sentence(string list, string reason)
    {
        using var hub = new FaultyServer(_ => new Serving(Encoding.UTF8.GetBytes(list)) { KnowsRanges = false });
        Assert.Contains(reason, (await Assert.ThrowsAsync<PullException>(() => PullAsync(hub, "hf:owner/repo"))).Message);
    }

    [Fact]
    public async Task What_is_larger_than_the_disk_is_not_begun()
    {
        const string Listing = "[{\"type\":\"file\",\"path\":\"x.gguf\",\"size\":1000000000000000}]";
        using var hub = new FaultyServer(_ => new Serving(Encoding.UTF8.GetBytes(Listing)) { KnowsRanges = false });
        PullException failure = await Assert.ThrowsAsync<PullException>(() => PullAsync(hub, "hf:owner/repo"));
        Assert.Equal(PullFailure.NoRoom, failure.Failure);
        Assert.Single(hub.Requests);
        Assert.Empty(Directory.EnumerateDirectories(folder));
    }

    private static Task<PulledModel> PullAsync(FaultyServer hub, string source) =>
        ModelCatalog.PullAsync(source, new PullOptions { Endpoints = [hub.Address], StallLimit = Patience.Limit });

    // All files have the same bytes.
    private FaultyServer Hub(params (string Path, bool IsLarge)[] files)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(file));
        IEnumerable<string> items = files.Select(item =>
        {
            string large = item.IsLarge ? $",\"lfs\":{{\"oid\":\"{digest}\"}}" : "";
            return $"{{\"type\":\"file\",\"path\":\"{item.Path}\",\"size\":{file.Length}{large}}}";
        });
        byte[] list = Encoding.UTF8.GetBytes($"[{string.Join(',', items)}]");
        return new FaultyServer(request =>
            request.Path.StartsWith("/api/", StringComparison.Ordinal) ? new Serving(list) { KnowsRanges = false } : new Serving(file)
        );
    }
}
