using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Text.Graph;

/// <summary>
/// The LoRA adapters of a model: for each adapted matrix NAME.lora_a [inputs, rank] and NAME.lora_b [rank, outputs], scaled by
/// adapter.lora.alpha over the rank. Source: ggml-org/llama.cpp v0.5.0, src/llama-adapter.cpp and llama-adapter.h.
/// </summary>
internal sealed class GraphAdapters : IDisposable
{
    private const string DownEnd = ".lora_a",
        UpEnd = ".lora_b";

    private readonly List<GgufFile> files = [];
    private readonly List<WeightStore> stores = [];
    private readonly List<string> fingerprints = [];

    /// <summary>Loads adapters.</summary>
    /// <param name="device">Where the model runs.</param>
    /// <param name="model">The model's file.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="adapters">The adapters.</param>
    /// <exception cref="ModelFileException">A file is no adapter, or not of this model.</exception>
    public GraphAdapters(ComputeDevice device, GgufFile model, WeightStore weights, IReadOnlyList<ModelAdapter> adapters)
    {
        AdapterFile.CheckCount(adapters.Count);
        try
        {
            foreach (ModelAdapter adapter in adapters)
                Load(device, model, weights, adapter);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What they add to which products.</summary>
    public LowRankAdditions Additions { get; } = new();

    /// <summary>Tells these adapters apart from others; empty for none.</summary>
    public string Fingerprint => string.Concat(fingerprints.Select(static fingerprint => $" {fingerprint}"));

    public void Dispose()
    {
        stores.ForEach(static store => store.Dispose());
        files.ForEach(static file => file.Dispose());
    }

    private void Load(ComputeDevice device, GgufFile model, WeightStore weights, ModelAdapter adapter)
    {
        GgufFile file = AdapterFile.Open(adapter);
        files.Add(file);
        string wanted = model.Metadata.RequireString("general.architecture"),
            given = file.Metadata.RequireString("general.architecture");
        if (given != wanted)
            throw new ModelFileException(file.Path, $"it is an adapter of a model of the architecture '{given}', not of {model.Path}.");
        float alpha = file.Metadata.TryGetSingle("adapter.lora.alpha", out float number) ? number : 0;
        if (!float.IsFinite(alpha))
            throw new ModelFileException(file.Path, "adapter.lora.alpha is no number.");
        var store = new WeightStore(device, file);
        stores.Add(store);
        foreach (GgufTensor part in file.Tensors)
        {
            if (part.Name.EndsWith(DownEnd, StringComparison.Ordinal))
                Adapt(store, file, weights, part, adapter.Scale, alpha);
            else if (!part.Name.EndsWith(UpEnd, StringComparison.Ordinal) || !store.Has(part.Name[..^UpEnd.Length] + DownEnd))
                throw new ModelFileException(file.Path, $"tensor '{part.Name}' is no half of an adapted matrix.");
        }

        store.Upload(null, default);
        fingerprints.Add(ModelFingerprint.Of(file, $"adapter {adapter.Scale:R}"));
    }

    private void Adapt(WeightStore store, GgufFile file, WeightStore weights, GgufTensor part, float scale, float alpha)
    {
        string name = part.Name[..^DownEnd.Length];
        if (!weights.TryGetMatrix(name, out Tensor weight))
            throw new ModelFileException(file.Path, $"it adapts '{name}', which is no matrix that the model multiplies with.");
        long rank = part.Shape.Length > 1 ? part.Shape[1] : 1;
        Tensor down = store.Matrix(part.Name, weight.Size(0), rank),
            up = store.Matrix(name + UpEnd, rank, weight.Size(1));
        Additions.Add(weight, down, up, alpha != 0 ? scale * alpha / rank : scale);
    }
}
