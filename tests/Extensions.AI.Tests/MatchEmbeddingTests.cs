using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>Vectors of pictures and texts in one space, with the golden of BLIP's image-text matching.</summary>
public sealed class MatchEmbeddingTests : IDisposable
{
    private const string Text = "two stars";
    private static readonly string Folder = RepositoryRoot.Path("tests", "goldens", "blip", "blip-itm");
    private readonly VisionModel vision = VisionModel.Open(Path.Combine(Folder, "matching-f16.gguf"));
    private readonly TesseraMatchEmbeddingGenerator generator;

    public MatchEmbeddingTests()
    {
        vision.LoadWeights();
        generator = new TesseraMatchEmbeddingGenerator(vision);
    }

    public void Dispose()
    {
        generator.Dispose();
        vision.Dispose();
    }

    [Fact]
    public async Task The_dot_product_of_a_picture_and_a_text_is_the_references_cosine()
    {
        JsonElement[] matches =
        [
            .. JsonDocument
                .Parse(await File.ReadAllBytesAsync(Path.Combine(Folder, "manifest.json")))
                .RootElement.GetProperty("matches")
                .EnumerateArray()
                .Where(static match => match.GetProperty("text").GetString() == Text),
        ];
        GeneratedEmbeddings<Embedding<float>> pictures = await generator.GenerateAsync(matches.Select(Picture)),
            texts = await generator.GenerateAsync([Text, "a dog", Text]);
        Assert.Equal((matches.Length, 3), (pictures.Count, texts.Count));
        Assert.All([.. pictures, .. texts], static embedding => Assert.Equal(1, Dot(embedding, embedding), 4));
        for (int index = 0; index < matches.Length; index++)
            Assert.Equal(matches[index].GetProperty("cosine").GetDouble(), Dot(pictures[index], texts[0]), 0.005);
        Assert.Equal(texts[0].Vector.ToArray(), texts[2].Vector.ToArray());
        Assert.True(Dot(texts[0], texts[1]) < 0.999);
        Assert.All(pictures, static embedding => Assert.Equal("matching-f16", embedding.ModelId));
    }

    [Fact]
    public async Task It_tells_what_it_is_and_refuses_what_it_cannot()
    {
        EmbeddingGeneratorMetadata metadata = generator.GetService<EmbeddingGeneratorMetadata>()!;
        Assert.Equal(("matching-f16", 24), (metadata.DefaultModelId, metadata.DefaultModelDimensions));
        Assert.NotNull(generator.GetService<PictureMatcher>());
        Assert.Same(generator, generator.GetService<TesseraMatchEmbeddingGenerator>());
        Assert.Null(generator.GetService(typeof(PictureMatcher), "key"));
        Assert.Null(generator.GetService<IChatClient>());

        await Assert.ThrowsAsync<ChatOptionException>(() =>
            generator.GenerateAsync([Text], new EmbeddingGenerationOptions { Dimensions = 7 })
        );
        await Assert.ThrowsAsync<ChatOptionException>(() =>
            generator.GenerateAsync([Text], new EmbeddingGenerationOptions { ModelId = "another" })
        );
        Assert.Single(await generator.GenerateAsync([Text], new EmbeddingGenerationOptions { Dimensions = 24, ModelId = "matching-f16" }));
        await Assert.ThrowsAsync<InstructionTooLongException>(() =>
            generator.GenerateAsync([string.Join(' ', Enumerable.Repeat(Text, 200))])
        );
        ImageException failure = await Assert.ThrowsAsync<ImageException>(() =>
            generator.GenerateAsync([TinyModel.Picture("shapes.png"), new DataContent(new byte[] { 1, 2, 3 }, "image/png")])
        );
        Assert.Contains("picture 1", failure.Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateAsync([Text], null, new CancellationToken(true)));
    }

    [Fact]
    public void A_tower_that_matches_nothing_is_refused()
    {
        using VisionModel tower = VisionModel.Open(RepositoryRoot.Path("tests", "goldens", "llava", "llava-1.5", "mmproj-f16.gguf"));
        Assert.Throws<ModelFileException>(() => new TesseraMatchEmbeddingGenerator(tower));
    }

    private static DataContent Picture(JsonElement match)
    {
        string path = Path.GetFullPath(Path.Combine(Folder, match.GetProperty("picture").GetString()!));
        return new DataContent(File.ReadAllBytes(path), "image/png");
    }

    private static double Dot(Embedding<float> first, Embedding<float> second) =>
        Enumerable.Range(0, first.Dimensions).Sum(index => (double)first.Vector.Span[index] * second.Vector.Span[index]);
}
