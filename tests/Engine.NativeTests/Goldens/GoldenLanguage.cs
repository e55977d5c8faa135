using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Graph;
using Tessera.Text.Llama;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>A golden's language model, on libllama or as graphs, as its architecture has it.</summary>
internal sealed class GoldenLanguage : IDisposable
{
    private readonly GgufFile file;

    public GoldenLanguage(GoldenCase golden)
    {
        file = GgufFile.Open(golden.LanguageModel);
        Model = GraphArchitectures.Runs(file)
            ? GraphLanguageModel.Load(file, 0, null, default)
            : LanguageModel.Load(golden.LanguageModel, 0, null, default);
    }

    public ILanguageModel Model { get; }

    public void Dispose()
    {
        Model.Dispose();
        file.Dispose();
    }
}
