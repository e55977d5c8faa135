using Tessera.Gguf;

namespace Tessera.Quantizing;

/// <summary>The file that is written: the source's metadata less what says how it was split, and the tensors in their new types.</summary>
internal sealed class QuantizedFile(QuantizationSource source, QuantizationPlan plan, ImportanceMatrix? importance)
{
    // GGML_QNT_VERSION of ggml.h: how the quantized types are laid out.
    private const uint QuantizationVersion = 2;
    private const string FileTypeKey = "general.file_type",
        VersionKey = "general.quantization_version",
        SplitPrefix = "split.";

    /// <summary>Writes it.</summary>
    /// <exception cref="ModelFileException">A value is no number, or a file cannot be read or written.</exception>
    public void Save(string path, TensorQuantizer quantizer, IProgress<QuantizationProgress>? progress)
    {
        var writer = new GgufWriter(source.First.Alignment);
        AddMetadata(writer);
        long done = 0,
            total = plan.SourceBytes;
        foreach (((GgufFile file, GgufTensor tensor), QuantizedTensor planned) in source.Tensors.Zip(plan.Tensors))
        {
            float[] weights = importance?.Find(planned) ?? [];
            writer.AddTensor(
                tensor.Name,
                planned.Type,
                tensor.Shape.AsSpan(),
                stream =>
                    quantizer.Write(
                        file,
                        tensor,
                        planned.Type,
                        weights,
                        stream,
                        bytes => progress?.Report(new QuantizationProgress(done += bytes, total, tensor.Name))
                    )
            );
        }

        writer.Save(path);
    }

    private void AddMetadata(GgufWriter writer)
    {
        uint fileType = (uint)QuantizationRecipe.Require(plan.Recipe).FileType;
        bool hasType = false,
            hasVersion = false;
        foreach ((string key, GgufValue value) in source.First.Metadata)
        {
            if (key.StartsWith(SplitPrefix, StringComparison.Ordinal))
                continue;
            (hasType, hasVersion) = (hasType || key == FileTypeKey, hasVersion || key == VersionKey);
            writer.AddMetadata(
                key,
                key == FileTypeKey ? GgufValue.From(fileType)
                    : key == VersionKey ? GgufValue.From(QuantizationVersion)
                    : value
            );
        }

        if (!hasType)
            writer.AddMetadata(FileTypeKey, fileType);
        if (!hasVersion)
            writer.AddMetadata(VersionKey, QuantizationVersion);
        importance?.AddMetadata(writer);
    }
}
