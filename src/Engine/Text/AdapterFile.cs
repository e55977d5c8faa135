using Tessera.Gguf;

namespace Tessera.Text;

/// <summary>A file with a LoRA adapter, as llama.cpp's converter writes it.</summary>
internal static class AdapterFile
{
    /// <summary>The most adapters of a model.</summary>
    public const int MostCount = 64;

    /// <exception cref="TesseraException">There are more than <see cref="MostCount"/>.</exception>
    public static void CheckCount(int count)
    {
        if (count > MostCount)
            throw new TesseraException($"There are {count} adapters, and {MostCount} are the most.");
    }

    /// <summary>Opens it.</summary>
    /// <exception cref="ModelFileException">It is no adapter, or its scale is no number.</exception>
    public static GgufFile Open(ModelAdapter adapter)
    {
        if (!float.IsFinite(adapter.Scale))
            throw new ModelFileException(adapter.Path, "the scale of an adapter must be a number.");
        GgufFile file = GgufFile.Open(adapter.Path);
        bool isLora =
            file.Metadata.TryGetString("general.type", out string? type)
            && type == "adapter"
            && file.Metadata.TryGetString("adapter.type", out string? kind)
            && kind == "lora";
        if (isLora)
            return file;
        file.Dispose();
        throw new ModelFileException(adapter.Path, "it is no LoRA adapter: general.type must be 'adapter' and adapter.type 'lora'.");
    }
}
