using Tessera.Checkpoints.Families;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// Finds the vision towers that a checkpoint of LLaVA's kind names, whose configurations only their own folders have, and whose weights too
/// where the checkpoint was released without: folders in the checkpoint or beside it, such as clip-vit-large-patch14-336 for
/// openai/clip-vit-large-patch14-336.
/// </summary>
internal static class VisionTowerSearch
{
    private static readonly string[] Configurations = ["config.json", VisionTowerFolder.OpenClipConfig];

    /// <summary>The towers' folders; none where the checkpoint names none, and those that are not there are left out.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="config">Its config.json.</param>
    public static IEnumerable<string> Find(CheckpointFolder checkpoint, Settings config)
    {
        if (config.TryText("mm_vision_tower") is string named)
            return Places(checkpoint, named, [named.Split('/', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("")]).Take(1);
        return config
            .Texts("mm_vision_tower_aux_list")
            .Take(8)
            .SelectMany(name => Places(checkpoint, name, CambrianTowers.FolderNames(name)).Take(1));
    }

    /// <summary>A tower's folder itself, or those that it holds where it is none.</summary>
    public static IEnumerable<string> Expand(string path)
    {
        if (IsTower(path) || !Directory.Exists(path))
            return [path];
        string[] inside = [.. Directory.EnumerateDirectories(path).Where(IsTower).Order(StringComparer.Ordinal)];
        return inside.Length > 0 ? inside : [path];
    }

    private static IEnumerable<string> Places(CheckpointFolder checkpoint, string name, IEnumerable<string> folders)
    {
        string[] parts = name.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string[] places =
        [
            checkpoint.FullPath,
            .. Path.GetDirectoryName(checkpoint.FullPath) is { } beside ? [beside] : Array.Empty<string>(),
        ];
        string? owner = parts is [.., string above, _] && IsPlainName(above) ? above : null;
        string[] tails =
        [
            .. folders
                .Where(static folder => folder.Length > 0 && IsPlainName(folder))
                .SelectMany(folder => owner is null ? [folder] : (string[])[folder, Path.Combine(owner, folder)]),
        ];
        return places.SelectMany(place => tails.Select(tail => Path.Combine(place, tail))).Where(IsTower);
    }

    private static bool IsTower(string folder) => Configurations.Any(name => File.Exists(Path.Combine(folder, name)));

    // What a file says must not lead anywhere else.
    private static bool IsPlainName(string part) =>
        part is not ("." or "..") && part.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_');
}
