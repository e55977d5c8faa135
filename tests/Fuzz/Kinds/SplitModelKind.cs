using Tessera.Cli.Tests.Support;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>Language models in three files, of which one is hostile; an input is that file, behind a byte that says which one.</summary>
internal sealed class SplitModelKind : FuzzKind
{
    public const string Id = "split-model";
    private const int Count = 3;
    private readonly string[] files;
    private readonly byte[][] shards;
    private readonly GgufMutator[] mutators;

    public SplitModelKind(string folder)
    {
        files = [.. Enumerable.Range(1, Count).Select(number => Path.Combine(folder, $"model-{number:00000}-of-{Count:00000}.gguf"))];
        RawGguf whole = RawGguf.Read(Goldens.Language);
        for (int number = 0; number < Count; number++)
            File.WriteAllBytes(files[number], Shard(whole, number).ToBytes());
        shards = [.. files.Select(File.ReadAllBytes)];
        mutators = [.. files.Select(static file => new GgufMutator(file))];
    }

    public override string Name => Id;

    public override byte[] Make(Random random)
    {
        int number = random.Next(Count);
        return [(byte)number, .. mutators[number].Make(random)];
    }

    public override async Task<bool> TryAsync(byte[] input)
    {
        for (int number = 0; number < Count; number++)
            await File.WriteAllBytesAsync(files[number], number == input[0] ? input[1..] : shards[number]);
        await using MultimodalModel model = await MultimodalModel.LoadAsync(ModelFile.Options(files[0], UsesTrial));
        await model.AnswerAsync(new Prompt("What is \u00ABthis\u00BB?"), ModelFile.Short());
        return true;
    }

    // As llama.cpp's gguf-split writes them: all metadata in the first, the three keys of a split in each.
    private static RawGguf Shard(RawGguf whole, int number)
    {
        var shard = new RawGguf();
        if (number == 0)
            shard.Entries.AddRange(whole.Entries);
        shard.Entries.Add(new RawEntry("split.no", 2, BitConverter.GetBytes((ushort)number)));
        shard.Entries.Add(new RawEntry("split.count", 2, BitConverter.GetBytes((ushort)Count)));
        shard.Entries.Add(new RawEntry("split.tensors.count", 5, BitConverter.GetBytes(whole.Tensors.Count)));
        int length = (whole.Tensors.Count + Count - 1) / Count;
        shard.Tensors.AddRange(whole.Tensors.Skip(number * length).Take(length));
        return shard;
    }
}
