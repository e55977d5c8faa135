using System.CommandLine;
using Tessera.Cli.Arguments;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera encode</c>: a picture's embeddings, or a stage before them, as a NumPy file.</summary>
internal sealed class EncodeCommand(CliConsole console)
{
    private readonly ModelArguments model = new(console);
    private readonly Argument<string> image = new("IMAGE")
    {
        Description = "The picture's file or http(s) address, or - for standard input.",
    };
    private readonly Option<string> output = new("--out")
    {
        Description = "The NumPy file to write; - is standard output.",
        HelpName = "FILE.npy",
        Required = true,
    };
    private readonly Option<EncodeStage> stage = OptionValues.Choice<EncodeStage>(
        "--stage",
        "embeddings [tokens, width], features [slices, patches, hidden], or pixels [slices, 3, height, width]."
    );
    private readonly Option<string> instruction = new("--instruction")
    {
        Description = "What is asked about the picture, for models whose vision side reads it (InstructBLIP).",
        HelpName = "TEXT",
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document about what was written." };

    public static Command Create(CliConsole console)
    {
        var encode = new EncodeCommand(console);
        var command = new ExampleCommand(
            "encode",
            "Encode a picture and write its embeddings as float32 in NumPy's format.",
            "tessera encode --mmproj mmproj-f16.gguf photo.jpg --out photo.npy"
        );
        command.Add(encode.image);
        command.Add(encode.output);
        command.Add(encode.stage);
        command.Add(encode.instruction);
        encode.model.AddEncodingTo(command);
        command.Add(encode.json);
        command.SetAction(encode.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        using VisionModel vision = model.OpenVision(parsed);
        PromptImage picture = await ImageInputs.ReadAsync(
            parsed.GetRequiredValue(image),
            console,
            model.AllowsLocal(parsed),
            cancellationToken
        );
        string path = parsed.GetRequiredValue(output);
        OutputFiles.Require(console, "--out", path, ".npy");
        console.NoteLimits(picture, vision.Plan(vision.ReadSize(picture), Request(parsed)));
        EncodeDocument document =
            parsed.GetValue(stage) == EncodeStage.Pixels
                ? WritePixels(vision.PreparePixels(picture, Request(parsed), cancellationToken), path)
                : await EncodeAsync(vision, picture, parsed, path, cancellationToken);
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, document);
        else
            (path == OutputFiles.Standard ? console.Error : console.Out).WriteLine(
                $"{PlainText.Clean(path)}: {document.Stage} [{string.Join(", ", document.Shape)}]"
            );
        return ExitCode.Success;
    }

    private PlanRequest Request(ParseResult parsed) => model.Limits(parsed) with { Instruction = parsed.GetValue(instruction) };

    private async Task<EncodeDocument> EncodeAsync(
        VisionModel vision,
        PromptImage picture,
        ParseResult parsed,
        string path,
        CancellationToken cancellationToken
    )
    {
        return await ProgressDisplay.RunAsync(
            console,
            progress =>
                Task.Run(
                    () =>
                    {
                        vision.LoadWeights(
                            model.ThreadCount(parsed),
                            model.VisionType(parsed),
                            progress,
                            model.VisionDevice(parsed),
                            cancellationToken
                        );
                        return parsed.GetValue(stage) == EncodeStage.Features
                            ? WriteFeatures(vision.EncodeFeatures(picture, Request(parsed), progress, cancellationToken), path)
                            : WriteEmbeddings(
                                vision,
                                vision.Encode(picture, Request(parsed), progress, cancellationToken),
                                parsed.GetValue(stage) == EncodeStage.Memory,
                                path
                            );
                    },
                    cancellationToken
                )
        );
    }

    private EncodeDocument WritePixels(ImagePixels pixels, string path)
    {
        PixelSize[] sizes = [.. Enumerable.Range(0, pixels.SliceCount).Select(pixels.Size)];
        // Those of slices that differ in size lie end to end.
        long[] shape =
            sizes.Distinct().Count() == 1
                ? [pixels.SliceCount, 3, sizes[0].Height, sizes[0].Width]
                : [sizes.Sum(static size => 3 * size.Area)];
        Write(path, shape, Enumerable.Range(0, pixels.SliceCount).Select(pixels.Planes));
        return new EncodeDocument(path, "pixels", shape, 0, 0);
    }

    private EncodeDocument WriteFeatures(ImageFeatures features, string path)
    {
        int[] counts = [.. Enumerable.Range(0, features.SliceCount).Select(index => features.Of(index).Length / features.Width)];
        // Those of slices that differ in size stand one behind another.
        long[] shape = counts.Distinct().Count() == 1 ? [features.SliceCount, counts[0], features.Width] : [counts.Sum(), features.Width];
        Write(path, shape, Enumerable.Range(0, features.SliceCount).Select(features.Of));
        return new EncodeDocument(
            path,
            "features",
            shape,
            CliJson.Milliseconds(features.PreprocessMs),
            CliJson.Milliseconds(features.EncodeMs)
        );
    }

    private EncodeDocument WriteEmbeddings(VisionModel vision, ImageEncoding encoding, bool wantsMemory, string path)
    {
        if (wantsMemory && encoding.MemoryWidth == 0)
            throw new TesseraException($"{vision.Path}: {vision.Family}'s pictures are rows of the prompt, so there is no memory of them.");
        // Pictures that a language model looks at beside its tokens are no rows of the prompt.
        bool isMemory = encoding.MemoryWidth > 0 && (wantsMemory || encoding.TokenCount == 0);
        long[] shape = isMemory
            ? [encoding.Memory.Length / encoding.MemoryWidth, encoding.MemoryWidth]
            : [encoding.TokenCount, encoding.Width];
        Write(path, shape, [isMemory ? encoding.Memory : encoding.Embeddings]);
        return new EncodeDocument(
            path,
            isMemory ? "memory" : "embeddings",
            shape,
            CliJson.Milliseconds(encoding.PreprocessMs),
            CliJson.Milliseconds(encoding.EncodeMs)
        );
    }

    private void Write(string path, long[] shape, IEnumerable<ReadOnlyMemory<float>> parts)
    {
        if (path != OutputFiles.Standard)
        {
            NpyFile.Write(path, shape, parts);
            return;
        }

        using Stream stream = console.OpenOutput();
        NpyFile.Write(stream, shape, parts);
    }

    private enum EncodeStage
    {
        Embeddings,
        Memory,
        Features,
        Pixels,
    }
}
