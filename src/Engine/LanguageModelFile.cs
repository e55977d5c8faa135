using Tessera.Gguf;
using Tessera.Templates;

namespace Tessera;

/// <summary>
/// Checks a language model's files before libllama reads them. libllama reports most faults itself; those that it meets with an assertion
/// or an exception outside its own guards (ggml-org/llama.cpp v0.5.0) would end the process, and are looked for here.
/// </summary>
internal sealed class LanguageModelFile : IDisposable
{
    private readonly GgufParts parts;

    private LanguageModelFile(GgufParts parts, ChatTemplate? template)
    {
        this.parts = parts;
        Template = template;
    }

    /// <summary>The chat template that it carries, or null.</summary>
    public ChatTemplate? Template { get; }

    /// <summary>The files, the first one first.</summary>
    public IReadOnlyList<GgufFile> Parts => parts.Files;

    /// <summary>Opens the file, and the others of a model that is split, and checks them all.</summary>
    /// <exception cref="ModelFileException">One is damaged, a vision projector, or not what llama.cpp can run.</exception>
    public static LanguageModelFile Open(string path)
    {
        GgufParts parts = GgufParts.Open(path);
        try
        {
            return new LanguageModelFile(parts, Check(parts));
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    /// <summary>The failure of a file that contradicts itself, with the way out.</summary>
    public static ModelFileException Damaged(GgufFile file, string problem) =>
        new(file.Path, $"{problem}, which no language model has: the file is damaged or badly converted, so download it again.");

    public void Dispose() => parts.Dispose();

    private static ChatTemplate? Check(GgufParts parts)
    {
        GgufFile file = parts.First;
        if (!file.Metadata.TryGetString("general.architecture", out string? architecture) || architecture.Length == 0)
            throw new ModelFileException(file.Path, "general.architecture is missing, so it is no language model.");
        if (architecture == "clip")
            throw new ModelFileException(file.Path, "it is a vision projector (general.architecture is 'clip'), not a language model: "
                + "give it with --mmproj and the language model with -m.");
        LanguageModelDimensions.Check(file, architecture);
        LanguageModelVocabulary.Check(file);
        LanguageModelTensors.Check(parts, architecture);
        return file.Metadata.TryGetString("tokenizer.chat_template", out string? template) && template.Length > 0
            ? ChatTemplate.Parse(template, $"{file.Path}: tokenizer.chat_template")
            : null;
    }
}
