using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>Projectors of every family: opened, and where that goes well a picture is planned, prepared and encoded.</summary>
internal sealed class ProjectorKind : FuzzKind
{
    private readonly string file;
    private readonly GgufMutator[] mutators = [.. ModelFile.Goldens("mmproj*.gguf").Select(static path => new GgufMutator(path))];
    private readonly PromptImage[] pictures = [ModelFile.Picture("line"), ModelFile.Picture("small"), ModelFile.Picture("wide")];

    public ProjectorKind(string folder) => file = Path.Combine(folder, "mutant.gguf");

    public override string Name => "projector";

    public override byte[] Make(Random random) => random.Pick(mutators).Make(random);

    public override async Task<bool> TryAsync(byte[] input)
    {
        await File.WriteAllBytesAsync(file, input);
        using VisionModel vision = VisionModel.Open(file, input.Length % 2 == 0 ? Preprocessing.Original : Preprocessing.Transformers);
        PromptImage picture = pictures[input.Length / 2 % pictures.Length];
        var request = new PlanRequest { MaxSlices = 4, MaxImageTokens = 4096 };
        vision.Plan(vision.ReadSize(picture));
        vision.LoadWeights(threadCount: 1);
        ImageEncoding encoding = vision.Encode(picture, request);
        return encoding.TokenCount > 0;
    }
}
