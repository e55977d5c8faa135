using Tessera.Grammars;

namespace Tessera.Fuzz.Kinds;

/// <summary>
/// What schemas and grammars have in common: what the engine takes, libllama must take too, and the tokens that follow it are asked
/// for.
/// </summary>
internal abstract class AnswerFormatKind : FuzzKind
{
    private MultimodalModel? model;

    protected async Task<bool> AnswerAsync(AnswerFormat format)
    {
        model ??= ModelFile.LoadGolden();
        try
        {
            await model.AnswerAsync(new Prompt("a") { IsRaw = true }, ModelFile.Short() with { Format = format });
            return true;
        }
        catch (GrammarException)
        {
            // No token of this small vocabulary goes on as it wants.
            return false;
        }
    }

    protected override void Free() => model?.Dispose();
}
