using System.Text.Json;
using Tessera.Prompting;
using Tessera.Text.Llama;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Videos whose frames are pictures of their own: prompts token by token as the families' authors write them.</summary>
public sealed class VideoLayoutTests
{
    private const int ImageToken = -1;

    [Theory]
    [InlineData("internvl")]
    [InlineData("minicpm-v")]
    public void Prompts_are_laid_out_as_the_authors_do(string family)
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", family, "video.json")));
        IEnumerable<JsonElement> all = file.RootElement.EnumerateArray();
        foreach (IGrouping<string, JsonElement> entries in all.GroupBy(static entry => entry.GetProperty("case").GetString()!))
        {
            GoldenCase golden = GoldenCase.Find(entries.Key);
            using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
            using VisionModel vision = VisionModel.Open(golden.Projector);
            foreach (JsonElement entry in entries)
            {
                int frames = entry.GetProperty("indexes").GetArrayLength();
                JsonElement size = entry.GetProperty("size");
                // A number of slices counts the overview; a frame that is cut has one.
                int most = entry.TryGetProperty("max_slice_nums", out JsonElement slices) ? slices.GetInt32() : 1;
                PromptVideo video = Blank(frames, size[0].GetInt32(), size[1].GetInt32());
                SlicePlan plan = vision.Plan(video, new PlanRequest { MaxSlices = frames * (most == 1 ? 1 : most + 1) });
                PromptLayout layout = PromptTokenizer.Tokenize(
                    PromptExpansion.Expand(PromptPiece.Raw(entry.GetProperty("prompt").GetString()!), [plan]),
                    language.Vocabulary
                );
                int[] actual =
                [
                    .. layout.Spans.SelectMany(static span =>
                        span is PromptSpan.Tokens run ? run.Ids : Enumerable.Repeat(ImageToken, ((PromptSpan.Embeddings)span).Count)
                    ),
                ];
                Assert.Equal(Expected(entry), actual);
            }
        }
    }

    private static PromptVideo Blank(int count, int width, int height)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.png");
        try
        {
            Tessera.Imaging.ImageCodec.Save(new RgbImage(width, height), path);
            return new PromptVideo([.. Enumerable.Repeat(new PromptImage(File.ReadAllBytes(path), "frame"), count)], "video");
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static int[] Expected(JsonElement entry) =>
        [
            .. entry
                .GetProperty("spans")
                .EnumerateArray()
                .SelectMany(static span =>
                    span.TryGetProperty("count", out JsonElement count)
                        ? Enumerable.Repeat(ImageToken, count.GetInt32())
                        : span.GetProperty("ids").EnumerateArray().Select(static id => id.GetInt32())
                ),
        ];
}
