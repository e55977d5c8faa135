using Tessera.Checkpoints;
using Tessera.Cli.Tests.Support;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>
/// Checkpoints of which one file is hostile, opened and converted; an input is that file, behind two bytes that say which one.
/// </summary>
internal sealed class CheckpointKind : FuzzKind
{
    private static readonly string[] Names =
    [
        "llama",
        "llama-pytorch",
        "llama-3",
        "qwen2",
        "qwen2-slow",
        "gemma3",
        "phi3-long",
        "chatglm",
        "minicpm",
        "internlm2",
        "t5",
        "llava-1",
        "llava-1.5-hf",
    ];

    private readonly string folder;
    private readonly (string Name, byte[] Bytes)[][] originals;

    public CheckpointKind(string folder)
    {
        this.folder = folder;
        originals = [.. Names.Select(static name => Files(Goldens.RepositoryPath("tests", "goldens", "checkpoints", name)))];
        for (int number = 0; number < Names.Length; number++)
        {
            Directory.CreateDirectory(Path.Combine(folder, Names[number]));
            foreach ((string name, byte[] bytes) in originals[number])
                File.WriteAllBytes(Path.Combine(folder, Names[number], name), bytes);
        }
    }

    public override string Name => "checkpoint";

    public override byte[] Make(Random random)
    {
        int number = random.Next(Names.Length),
            file = random.Next(originals[number].Length);
        (string name, byte[] bytes) = originals[number][file];
        return [(byte)number, (byte)file, .. CheckpointMutator.Make(name, bytes, random)];
    }

    public override async Task<bool> TryAsync(byte[] input)
    {
        (string name, byte[] original) = originals[input[0]][input[1]];
        string checkpoint = Path.Combine(folder, Names[input[0]]),
            output = Directory.CreateDirectory(Path.Combine(folder, "out")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(checkpoint, name), input[2..]);
        try
        {
            using var converter = CheckpointConverter.Open(checkpoint, new ConversionOptions { OutputFolder = output });
            await converter.ConvertAsync();
            return true;
        }
        finally
        {
            await File.WriteAllBytesAsync(Path.Combine(checkpoint, name), original);
            Directory.Delete(output, recursive: true);
        }
    }

    private static (string Name, byte[] Bytes)[] Files(string path) =>
        [
            .. Directory
                .GetFiles(path)
                .Where(static file => Path.GetFileName(file) is not ("expected.json" or "README.md"))
                .Order(StringComparer.Ordinal)
                .Select(static file => (Path.GetFileName(file), File.ReadAllBytes(file))),
        ];
}
