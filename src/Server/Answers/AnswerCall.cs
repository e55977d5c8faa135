using Microsoft.Extensions.AI;

namespace Tessera.Server.Answers;

/// <summary>What a request of any API asks to be answered.</summary>
/// <param name="Model">The model's name; null for the first one.</param>
/// <param name="Messages">The conversation.</param>
/// <param name="Options">How to answer.</param>
internal sealed record AnswerCall(string? Model, IReadOnlyList<ChatMessage> Messages, ChatOptions Options)
{
    /// <summary>How long the model stays loaded afterwards; null as the server says.</summary>
    public TimeSpan? KeepAlive { get; init; }

    /// <summary>Fields of the request that mean nothing here: the answer names them.</summary>
    public IReadOnlyList<string> IgnoredFields { get; init; } = [];

    /// <summary>The pictures of all messages, with how many share each one's message.</summary>
    public IEnumerable<(DataContent Picture, int Count)> Pictures() =>
        Messages.SelectMany(static message =>
        {
            DataContent[] pictures = [.. message.Contents.OfType<DataContent>()];
            return pictures.Select(picture => (picture, pictures.Length));
        });
}
