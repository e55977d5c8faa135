using System.Globalization;
using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>The dimensions of Cambrian-1's vision side: its towers, and the aggregator over them.</summary>
internal sealed record CambrianConfig
{
    private const string Prefix = "clip.vision.";
    private const int MostTowers = 8,
        MostLayers = 64,
        MaxSide = 256,
        MaxWidth = 1 << 16;

    /// <summary>The towers in the order of the checkpoint; the first gives the context.</summary>
    public required IReadOnlyList<CambrianTowerConfig> Towers { get; init; }

    /// <summary>Queries along a side of the picture's square.</summary>
    public required int QuerySide { get; init; }

    /// <summary>Layers of the aggregator before the language model.</summary>
    public required int LayerCount { get; init; }

    /// <summary>What the queries look at.</summary>
    public required WindowShape Windows { get; init; }

    /// <summary>Width of the language model.</summary>
    public required int Outputs { get; init; }

    /// <summary>Whether layers of the language model look at the towers' maps, too.</summary>
    public required bool IsInLanguageModel { get; init; }

    /// <summary>Numbers beside each embedding, for these.</summary>
    public int BesideWidth => IsInLanguageModel ? Windows.BesideWidth : 0;

    /// <exception cref="ModelFileException">A key is missing, or its value cannot be.</exception>
    public static CambrianConfig Read(GgufFile file)
    {
        int count = Count(file, "tower_count", MostTowers);
        CambrianTowerConfig[] towers = [.. Enumerable.Range(0, count).Select(index => CambrianTowerConfig.Read(file, index))];
        int side = Count(file, "sampler.query_side", MaxSide);
        foreach (CambrianTowerConfig tower in towers)
            if (tower.TokenSide % side != 0)
                throw tower.Wrong(file, "token_side", $"{tower.TokenSide}, no multiple of {Prefix}sampler.query_side, {side}");
        int width = WidthOf(file, "sva.query");
        var windows = new WindowShape(
            width,
            Count(file, "sampler.head_count", MaxWidth),
            [.. towers.Select(tower => tower.TokenSide / side)]
        );
        if (width % windows.HeadCount != 0)
            throw Wrong(file, "sampler.head_count", windows.HeadCount.ToString(CultureInfo.InvariantCulture));
        int layers = 0;
        while (layers < MostLayers && file.TryGetTensor($"sva.{layers}.in.weight", out _))
            layers++;
        return new CambrianConfig
        {
            Towers = towers,
            QuerySide = side,
            LayerCount = layers > 0 ? layers : throw new ModelFileException(file.Path, "tensor 'sva.0.in.weight' is missing."),
            Windows = windows,
            Outputs = WidthOf(file, "v.image_newline"),
            IsInLanguageModel = !file.Metadata.TryGetBoolean(Prefix + "sampler.in_language_model", out bool inside) || inside,
        };
    }

    private static int WidthOf(GgufFile file, string vector) =>
        !file.TryGetTensor(vector, out GgufTensor? tensor) ? throw new ModelFileException(file.Path, $"tensor '{vector}' is missing.")
        : tensor.Shape[0] is > 0 and <= MaxWidth ? (int)tensor.Shape[0]
        : throw new ModelFileException(file.Path, $"tensor '{vector}' has shape {string.Join(" x ", tensor.Shape)}, not a width.");

    private static int Count(GgufFile file, string key, int most)
    {
        uint value = file.Metadata.RequireUInt32(Prefix + key);
        return value > 0 && value <= (uint)most ? (int)value : throw Wrong(file, key, value.ToString(CultureInfo.InvariantCulture));
    }

    private static ModelFileException Wrong(GgufFile file, string key, string value) =>
        new(file.Path, $"{Prefix}{key} is {value}, which no Cambrian has.");
}
