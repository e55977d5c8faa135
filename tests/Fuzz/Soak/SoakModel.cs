using Tessera.Fuzz.Campaign;
using Tessera.Fuzz.Kinds;

namespace Tessera.Fuzz.Soak;

/// <summary>A model, what it answers when nothing else runs, and how far from that it may be.</summary>
/// <param name="Name">What it is called in reports.</param>
/// <param name="Options">Its files.</param>
/// <param name="Scripts">Conversations with their lone answers.</param>
/// <param name="Counts">What was seen.</param>
internal sealed record SoakModel(string Name, ModelOptions Options, IReadOnlyList<SoakScript> Scripts, SoakCounts Counts)
{
    private const int ScriptCount = 120;

    // Many more answers are compared than measured, and the largest of many is larger.
    private const double Allowance = 4;

    /// <summary>The small model as it is shipped, where sums of 8-bit numbers round much, and with float32 weights, where they do
    /// not.</summary>
    public static async Task<IReadOnlyList<SoakModel>> PrepareAsync(FastFolder folder, int seed)
    {
        (string model, string? projector) = ModelCatalog.Resolve(ModelCatalog.EmbeddedName, null, needsVision: true);
        string[] copies = [FloatCopy.Write(model, folder.File("model.gguf")), FloatCopy.Write(projector!, folder.File("projector.gguf"))];
        return
        [
            await PrepareAsync("as shipped", OptionsOf(model, projector!), seed),
            await PrepareAsync("float32 weights", OptionsOf(copies[0], copies[1]), seed),
        ];
    }

    private static ModelOptions OptionsOf(string model, string projector) =>
        new()
        {
            ModelPath = model,
            ProjectorPath = projector,
            ThreadCount = 1,
            ContextLength = 2048,
        };

    private static async Task<SoakModel> PrepareAsync(string name, ModelOptions options, int seed)
    {
        PromptImage[] pictures =
        [
            ModelFile.Sample("heart"),
            ModelFile.Sample("shapes"),
            ModelFile.Sample("word"),
            ModelFile.Sample("count"),
            ModelFile.Picture("page"),
            ModelFile.Picture("edge"),
            ModelFile.Picture("wide"),
        ];
        var scripts = new List<SoakScript>();
        await using (MultimodalModel alone = await MultimodalModel.LoadAsync(options))
        {
            foreach (SoakScript script in SoakScript.Make(ScriptCount, pictures, new Random(seed)))
                scripts.Add(await script.AnsweredAsync(alone));
        }

        // Pictures are to be encoded anew each time.
        await using MultimodalModel direct = await MultimodalModel.LoadAsync(options with { ImageCacheBytes = 0 });
        double rounding = await Rounding.MeasureAsync(direct, scripts, new Random(seed));
        return new SoakModel(name, options, scripts, new SoakCounts(rounding, Allowance * rounding));
    }
}
