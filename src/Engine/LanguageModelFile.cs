using Tessera.Gguf;
using Tessera.Templates;

namespace Tessera;

/// <summary>
/// Checks a language model's file before libllama reads it. libllama reports most faults itself; those that it meets with an assertion
/// or an exception outside its own guards (ggml-org/llama.cpp v0.5.0) would end the process, and are looked for here.
/// </summary>
internal static class LanguageModelFile
{
    /// <exception cref="ModelFileException">It is damaged, a vision projector, or not what llama.cpp can run.</exception>
    /// <returns>The chat template that it carries, or null.</returns>
    public static ChatTemplate? Check(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        if (!file.Metadata.TryGetString("general.architecture", out string? architecture) || architecture.Length == 0)
            throw new ModelFileException(path, "general.architecture is missing, so it is no language model.");
        if (architecture == "clip")
            throw new ModelFileException(path, "it is a vision projector (general.architecture is 'clip'), not a language model: give it with --mmproj and the language model with -m.");
        LanguageModelDimensions.Check(file, architecture);
        LanguageModelVocabulary.Check(file);
        LanguageModelTensors.Check(file);
        return file.Metadata.TryGetString("tokenizer.chat_template", out string? template) && template.Length > 0
            ? ChatTemplate.Parse(template, $"{path}: tokenizer.chat_template")
            : null;
    }

    /// <summary>The failure of a file that contradicts itself, with the way out.</summary>
    public static ModelFileException Damaged(GgufFile file, string problem) =>
        new(file.Path, $"{problem}, which no language model has: the file is damaged or badly converted, so download it again.");
}
