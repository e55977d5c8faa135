namespace Tessera.Cli.Chat;

/// <summary>Counts pictures and videos in words.</summary>
internal static class MediaCount
{
    /// <summary>"1 picture", "2 pictures".</summary>
    public static string Pictures(int count) => count == 1 ? "1 picture" : $"{count} pictures";

    /// <summary>Such as "2 pictures, 1 video"; "0 pictures" for nothing.</summary>
    public static string Of(IEnumerable<PromptMedia> media)
    {
        PromptMedia[] all = [.. media];
        int videos = all.Count(static item => item is PromptVideo),
            pictures = all.Length - videos;
        string counted = videos == 0 ? "" : $"{videos} {(videos == 1 ? "video" : "videos")}";
        if (pictures == 0 && videos > 0)
            return counted;
        return $"{Pictures(pictures)}{(videos > 0 ? ", " : "")}{counted}";
    }
}
