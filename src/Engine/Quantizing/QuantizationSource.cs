using Tessera.Gguf;
using Tessera.Text.Llama;
using Tessera.Text.Trial;

namespace Tessera.Quantizing;

/// <summary>The open file that is quantized: a language model, checked as before loading and maybe in several parts, or a
/// projector.</summary>
internal sealed class QuantizationSource : IDisposable
{
    private readonly IDisposable owner;

    private QuantizationSource(IDisposable owner, IReadOnlyList<GgufFile> files, bool isProjector)
    {
        (this.owner, Files, IsProjector) = (owner, files, isProjector);
        Tensors = [.. files.SelectMany(static file => file.Tensors.Select(tensor => (file, tensor)))];
    }

    public IReadOnlyList<GgufFile> Files { get; }

    public bool IsProjector { get; }

    public GgufFile First => Files[0];

    public IReadOnlyList<(GgufFile File, GgufTensor Tensor)> Tensors { get; }

    /// <summary>Opens a file, and the others of a model in several.</summary>
    /// <exception cref="ModelFileException">It is damaged, or neither a language model nor a projector.</exception>
    public static QuantizationSource Open(string path, ModelTrial? trial, CancellationToken cancellationToken)
    {
        GgufFile probe = GgufFile.Open(path);
        if (probe.Metadata.TryGetString("general.architecture", out string? architecture) && architecture == "clip")
            return new QuantizationSource(probe, [probe], isProjector: true);
        probe.Dispose();
        var language = LanguageModelFile.Open(path);
        try
        {
            if (trial is not null)
                TrialProcess.Check(trial, language.Parts, withRows: false, cancellationToken);
            return new QuantizationSource(language, language.Parts, isProjector: false);
        }
        catch
        {
            language.Dispose();
            throw;
        }
    }

    public void Dispose() => owner.Dispose();
}
