using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tessera.Answers;

/// <summary>The manifest of a saved conversation.</summary>
internal sealed record SavedSession(
    int Format,
    string Model,
    string? System,
    ContextOverflow Overflow,
    IReadOnlyList<SavedTurn> Turns,
    IReadOnlyDictionary<string, string> Digests
)
{
    /// <summary>Raised when what is saved changes.</summary>
    public const int CurrentFormat = 1;

    /// <summary>Reads a manifest, and checks what can be checked without the model.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static SavedSession Parse(byte[] json)
    {
        try
        {
            SavedSession? saved = JsonSerializer.Deserialize(json, SavedSessionJson.Default.SavedSession);
            return saved is not null && (saved.Format != CurrentFormat || saved.IsWhole) ? saved : throw new JsonException();
        }
        catch (InvalidOperationException failure)
        {
            // Half a character.
            throw new JsonException(null, failure);
        }
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, SavedSessionJson.Default.SavedSession);

    // The serializer looks for null in members, but not in lists.
    private bool IsWhole =>
        Enum.IsDefined(Overflow)
        && Turns.All(static turn => turn is { IsWhole: true })
        && Digests.All(static digest => digest.Value is not null);
}

internal sealed record SavedTurn(
    string Text,
    IReadOnlyList<SavedImage> Pictures,
    int? MaxSlices,
    int? MaxImageTokens,
    string Answer,
    string Generated,
    IReadOnlyList<int> Ids,
    IReadOnlyList<SavedVideo>? Videos = null
)
{
    [JsonIgnore]
    public bool IsWhole =>
        MaxSlices is null or > 0
        && MaxImageTokens is null or > 0
        && Pictures.All(static picture => picture is { Name.Length: <= SavedImage.LongestName })
        && AreApart(Videos ?? []);

    /// <summary>The pictures and videos in their order.</summary>
    /// <param name="read">Reads a picture.</param>
    public IReadOnlyList<PromptMedia> Media(Func<SavedImage, PromptImage> read)
    {
        var media = new List<PromptMedia>();
        for (int index = 0; index < Pictures.Count; index++)
        {
            if (Videos?.FirstOrDefault(video => video.First == index) is not { } video)
            {
                media.Add(read(Pictures[index]));
                continue;
            }

            media.Add(new PromptVideo([.. Pictures.Skip(index).Take(video.Count).Select(read)], video.Name));
            index += video.Count - 1;
        }

        return media;
    }

    private bool AreApart(IReadOnlyList<SavedVideo> videos)
    {
        int end = 0;
        foreach (SavedVideo? video in videos)
        {
            if (
                video is not { Name.Length: <= SavedImage.LongestName, Count: > 0 and <= PromptVideo.MaxFrameCount }
                || video.First < end
                || video.First > Pictures.Count - video.Count
            )
                return false;
            end = video.First + video.Count;
        }

        return true;
    }
}

/// <summary>A stretch of a turn's pictures that are a video's frames.</summary>
internal sealed record SavedVideo(string Name, int First, int Count);

internal sealed record SavedImage(string Name, string Entry)
{
    /// <summary>Longer than paths are.</summary>
    public const int LongestName = 1 << 15;
}

[JsonSourceGenerationOptions(RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SavedSession))]
internal sealed partial class SavedSessionJson : JsonSerializerContext;
