using Tessera.ChatTemplates;
using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Text.Llama;

/// <summary>
/// Checks a language model's files before libllama reads them. libllama reports most faults itself; those that it meets with an assertion
/// or an exception outside its own guards (ggml-org/llama.cpp v0.5.0) would end the process, and are looked for here.
/// </summary>
internal sealed class LanguageModelFile : IDisposable
{
    private const string CandleTensor = "text_decoder.bert.embeddings.word_embeddings.weight";
    private readonly GgufParts parts;
    private readonly LoadedFile[] loaded;

    private LanguageModelFile(GgufParts parts, ChatTemplate? template)
    {
        this.parts = parts;
        Template = template;
        loaded = [.. parts.Files.Select(static file => new LoadedFile(file))];
    }

    /// <summary>The chat template that it carries, or null.</summary>
    public ChatTemplate? Template { get; }

    /// <summary>Tells the model apart from others.</summary>
    public string Fingerprint => string.Join(' ', loaded.Select(static file => file.Fingerprint));

    /// <summary>Bytes of all files.</summary>
    public long ByteLength => Parts.Sum(static file => file.FileLength);

    /// <summary>The files, the first one first.</summary>
    public IReadOnlyList<GgufFile> Parts => parts.Files;

    /// <summary>Whether rows may stand apart from their order: Qwen2-VL's graph, of whose four axes channels follow the second, and the
    /// fourth where they do not turn.</summary>
    public bool PlacesRowsFreely =>
        Parts[0].Metadata.TryGetString("general.architecture", out string? architecture)
        && architecture == "qwen2vl"
        && Parts[0].Metadata.TryGetInt32Array("qwen2vl.rope.dimension_sections", out int[]? sections)
        && sections is [0, > 0, 0, ..];

    /// <summary>The types of the layers' matrices; none where they are experts', of which each token chooses some.</summary>
    public IReadOnlyCollection<GgufTensorType> MatrixTypes
    {
        get
        {
            GgufTensor[] ofLayers =
            [
                .. Parts
                    .SelectMany(static file => file.Tensors)
                    .Where(static tensor => tensor.Shape.Length > 1 && tensor.Name.StartsWith("blk.", StringComparison.Ordinal)),
            ];
            return ofLayers.Any(static tensor => tensor.Shape.Length > 2)
                ? []
                : [.. ofLayers.Select(static tensor => tensor.Type).Distinct()];
        }
    }

    /// <summary>Of each file where the matrices lie that ggml's CPU repacks while they are loaded, in the order of the file.</summary>
    public IReadOnlyList<IReadOnlyList<FileRange>> Repacked =>
        [
            .. Parts.Select(static file =>
                (FileRange[])
                    [
                        .. file
                            .Tensors.Where(static tensor =>
                                tensor.Shape.Length == 2
                                && tensor.Name.StartsWith("blk.", StringComparison.Ordinal)
                                && ComputeDevice.IsRepacked(tensor.Type, tensor.Shape[1])
                            )
                            .OrderBy(static tensor => tensor.DataOffset)
                            .Select(static tensor => new FileRange(tensor.DataOffset, tensor.ByteLength)),
                    ]
            ),
        ];

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

    /// <summary>Takes the fingerprint in the background.</summary>
    public void TakeFingerprint()
    {
        foreach (LoadedFile file in loaded)
            file.TakeFingerprint();
    }

    /// <summary>Fails when a file's bytes are no longer those that were loaded.</summary>
    /// <exception cref="ModelFileException">They are others.</exception>
    public void RequireUnchanged()
    {
        foreach (LoadedFile file in loaded)
            file.RequireUnchanged();
    }

    public void Dispose() => parts.Dispose();

    private static ChatTemplate? Check(GgufParts parts)
    {
        GgufFile file = parts.First;
        if (!file.Metadata.TryGetString("general.architecture", out string? architecture) || architecture.Length == 0)
            throw new ModelFileException(
                file.Path,
                file.TryGetTensor(CandleTensor, out _)
                    ? "this is the file of BLIP that candle reads, without keys or a vocabulary; convert it, with a tokenizer beside it."
                    : "general.architecture is missing, so it is no language model."
            );
        if (architecture == "clip")
            throw new ModelFileRoleException(file.Path, architecture, isProjector: true);
        // The vision half of Ollama's older layout of Llama 3.2 Vision, which had a file for each half.
        if (architecture == "mllama" && !file.TryGetTensor("token_embd.weight", out _))
            throw new ModelFileRoleException(file.Path, architecture, isProjector: true);
        var table = ArchitectureTable.For(architecture);
        LanguageModelDimensions.Check(file, architecture, table);
        LanguageModelVocabulary.Check(file);
        LanguageModelTensors.Check(parts, table);
        return file.Metadata.TryGetString("tokenizer.chat_template", out string? template) && template.Length > 0
            ? ChatTemplate.Parse(template, $"{file.Path}: tokenizer.chat_template")
            : null;
    }
}
