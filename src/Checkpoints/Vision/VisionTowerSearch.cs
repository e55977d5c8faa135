namespace Tessera.Checkpoints.Vision;

/// <summary>
/// Finds the vision tower that a LLaVA checkpoint names, whose configuration only its own folder has, and whose weights too where the
/// checkpoint was released without: a folder in the checkpoint or beside it, such as clip-vit-large-patch14-336 for
/// openai/clip-vit-large-patch14-336.
/// </summary>
internal static class VisionTowerSearch
{
    /// <summary>The tower's folder; null where the checkpoint names none, or it is not there.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="config">Its config.json.</param>
    public static string? Find(CheckpointFolder checkpoint, Settings config)
    {
        if (config.TryText("mm_vision_tower") is not string named)
            return null;
        string[] parts = named.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || !IsPlainName(parts[^1]))
            return null;
        string[] places =
        [
            checkpoint.FullPath,
            .. Path.GetDirectoryName(checkpoint.FullPath) is { } beside ? [beside] : Array.Empty<string>(),
        ];
        string[] tails = parts is [.., string owner, _] && IsPlainName(owner) ? [parts[^1], Path.Combine(owner, parts[^1])] : [parts[^1]];
        return places
            .SelectMany(place => tails.Select(tail => Path.Combine(place, tail)))
            .FirstOrDefault(static folder => File.Exists(Path.Combine(folder, "config.json")));
    }

    // What a file says must not lead anywhere else.
    private static bool IsPlainName(string part) =>
        part is not ("." or "..") && part.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_');
}
