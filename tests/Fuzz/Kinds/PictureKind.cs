using Tessera.Cli.Tests.Support;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>Pictures of every format: measured, and where that goes well decoded, planned and prepared.</summary>
internal sealed class PictureKind : FuzzKind
{
    private const long MaxPixels = 2_000_000;
    private readonly VisionModel vision = VisionModel.Open(Goldens.Projector, maxPixels: MaxPixels);
    private readonly PictureMutator mutator;

    public PictureKind()
    {
        string[] files = Directory.GetFiles(Goldens.RepositoryPath("tests", "goldens", "imaging", "codec"));
        Array.Sort(files, StringComparer.Ordinal);
        mutator = new PictureMutator([.. files.Select(File.ReadAllBytes)]);
    }

    public override string Name => "picture";

    public override byte[] Make(Random random) => mutator.Make(random);

    public override Task<bool> TryAsync(byte[] input)
    {
        var picture = new PromptImage(input, "mutant");
        var size = vision.ReadSize(picture);
        var pixels = vision.Decode(picture);
        if (size.Area > MaxPixels || pixels.Width != size.Width || pixels.Height != size.Height)
            throw new InvalidOperationException($"The picture is {pixels.Width} x {pixels.Height}, but was measured as {size}.");
        vision.PreparePixels(picture);
        return Task.FromResult(true);
    }

    protected override void Free() => vision.Dispose();
}
