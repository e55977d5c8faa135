using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>The LoRA adapters of a loaded model, which libllama frees with the model.</summary>
internal sealed unsafe class LoadedAdapters
{
    private readonly nint[] pointers;
    private readonly float[] scales;

    private LoadedAdapters(nint[] pointers, float[] scales, string fingerprint) =>
        (this.pointers, this.scales, Fingerprint) = (pointers, scales, fingerprint);

    /// <summary>Tells these adapters apart from others; empty for none.</summary>
    public string Fingerprint { get; }

    /// <summary>Loads adapters into a model.</summary>
    /// <exception cref="ModelFileException">A file is no adapter, or not of this model.</exception>
    public static LoadedAdapters Load(LanguageModel model, IReadOnlyList<ModelAdapter> adapters)
    {
        AdapterFile.CheckCount(adapters.Count);
        nint[] pointers = [.. adapters.Select(adapter => Load(model, adapter))];
        return new LoadedAdapters(
            pointers,
            [.. adapters.Select(static adapter => adapter.Scale)],
            string.Concat(adapters.Select(static adapter => $" {FingerprintOf(adapter)}"))
        );
    }

    /// <summary>Has a context use them.</summary>
    public void Attach(nint context)
    {
        if (pointers.Length == 0)
            return;
        fixed (nint* first = pointers)
        fixed (float* scale = scales)
            if (LibLlama.llama_set_adapters_lora(context, first, (nuint)pointers.Length, scale) != 0)
                throw new NativeLibraryException($"llama.cpp does not take the adapters ({NativeLog.TakeErrors()}).");
    }

    private static nint Load(LanguageModel model, ModelAdapter adapter)
    {
        AdapterFile.Open(adapter).Dispose();
        NativeLog.ForgetErrors();
        nint pointer = model.IsOnProcessor
            ? LibLlama.llama_adapter_lora_init(model.Pointer, adapter.Path)
            : GpuCalls.Run(() => LibLlama.llama_adapter_lora_init(model.Pointer, adapter.Path));
        return pointer != 0
            ? pointer
            : throw new ModelFileException(adapter.Path, $"it is no adapter of {model.Path} ({NativeLog.TakeErrors()}).");
    }

    private static string FingerprintOf(ModelAdapter adapter)
    {
        using GgufFile file = GgufFile.Open(adapter.Path);
        return ModelFingerprint.Of(file, $"adapter {adapter.Scale:R}");
    }
}
