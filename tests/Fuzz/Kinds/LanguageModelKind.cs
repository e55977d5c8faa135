using Tessera.Cli.Tests.Support;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>Language models: loaded and, where they load, asked for three tokens.</summary>
internal sealed class LanguageModelKind : FuzzKind
{
    public const string Id = "language-model";
    private readonly string file;
    private readonly GgufMutator[] mutators;

    public LanguageModelKind(string folder)
    {
        file = Path.Combine(folder, "mutant.gguf");
        mutators =
        [
            .. ModelFile.Goldens("language-f16.gguf").Select(static path => new GgufMutator(path)),
            .. LanguageModels.Names.Select(name => new GgufMutator(LanguageModels.Write(name, Path.Combine(folder, $"{name}.gguf")))),
        ];
    }

    public override string Name => Id;

    public override byte[] Make(Random random) => random.Pick(mutators).Make(random);

    public override async Task<bool> TryAsync(byte[] input)
    {
        await File.WriteAllBytesAsync(file, input);
        await using MultimodalModel model = await MultimodalModel.LoadAsync(ModelFile.Options(file, UsesTrial));
        await model.AnswerAsync(new Prompt("What is \u00ABthis\u00BB?"), ModelFile.Short());
        return true;
    }
}
