using System.Text.Json;
using Tessera.Gguf;
using Tessera.Prompting;
using Tessera.Text.Llama;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Plans and prompts token by token against what transformers' processors make of an image placeholder.</summary>
public sealed class PromptExpansionTests
{
    private const int ImageToken = -1;

    public static TheoryData<string> Cases => ["llava-1.6", "llava-onevision"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Prompts_expand_like_the_processors(string name)
    {
        using LanguageModel language = LanguageModel.Load(GoldenCase.Find("llava-onevision").LanguageModel, 0, null, default);
        using VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector, Preprocessing.Transformers);
        foreach (JsonElement entry in Entries(name))
        {
            List<PixelSize> sizes =
            [
                .. entry.GetProperty("sizes").EnumerateArray().Select(static size => new PixelSize(size[0].GetInt32(), size[1].GetInt32())),
            ];
            SlicePlan[] plans =
            [
                .. sizes.Select((size, index) => vision.Plan(size, new PlanRequest { ImageCount = sizes.Count, ImageIndex = index })),
            ];
            PromptLayout layout = PromptTokenizer.Tokenize(
                PromptExpansion.Expand(PromptPiece.Raw(entry.GetProperty("prompt").GetString()!), plans),
                language.Vocabulary
            );
            int[] actual =
            [
                .. layout.Spans.SelectMany(static span =>
                    span is PromptSpan.Tokens run ? run.Ids : Enumerable.Repeat(ImageToken, ((PromptSpan.Embeddings)span).Count)
                ),
            ];
            Assert.True(
                Expected(entry).SequenceEqual(actual),
                $"{name} {string.Join(" and ", sizes)}: {actual.Count(static id => id == ImageToken)} image tokens."
            );
        }
    }

    /// <summary>The golden's newline embeddings stand where the layout says, and nowhere else.</summary>
    [Theory]
    [InlineData("llava-1.6")]
    [InlineData("llava-onevision")]
    [InlineData("llava-1.5-hd")]
    [InlineData("llava-1.6-normed")]
    [InlineData("llava-next-max")]
    public void Newlines_stand_where_the_layout_says(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using VisionModel vision = VisionModel.Open(golden.Projector);
        float[] newline = Newline(golden.Projector);
        foreach (GoldenPicture picture in golden.Pictures)
        {
            float[] rows = picture.Embeddings.Values;
            bool[] actual =
            [
                .. Enumerable
                    .Range(0, rows.Length / newline.Length)
                    .Select(row => rows.AsSpan(row * newline.Length, newline.Length).SequenceEqual(newline)),
            ];
            SlicePlan plan = vision.Plan(vision.ReadSize(picture.Image), picture.Request);
            bool[] expected = [.. plan.Layout.SelectMany(static span => Enumerable.Repeat(span.Kind == "newline", span.RowCount))];
            Assert.Equal(expected, actual);
        }
    }

    private static IEnumerable<int> Expected(JsonElement entry) =>
        entry
            .GetProperty("spans")
            .EnumerateArray()
            .SelectMany(static span =>
                span.TryGetProperty("count", out JsonElement count)
                    ? Enumerable.Repeat(ImageToken, count.GetInt32())
                    : span.GetProperty("ids").EnumerateArray().Select(static id => id.GetInt32())
            );

    private static IEnumerable<JsonElement> Entries(string name) =>
        JsonDocument
            .Parse(File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", "llava-next", "expansions.json")))
            .RootElement.EnumerateArray()
            .Where(entry => entry.GetProperty("case").GetString() == name);

    private static float[] Newline(string projector)
    {
        using GgufFile file = GgufFile.Open(projector);
        Assert.True(file.TryGetTensor("model.image_newline", out GgufTensor? tensor));
        return System
            .Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(file.GetTensorData(tensor, 0, (int)tensor.Shape[0] * sizeof(float)))
            .ToArray();
    }
}
