using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.ChatTemplates;

namespace Tessera.Extensions.AI;

/// <summary>Turns a chat's messages into what the engine answers. Every part goes to the model, or is refused by its place and
/// type.</summary>
/// <param name="traits">What the model's template can do.</param>
/// <param name="allowFileUris">Whether pictures are read from <c>file:</c> addresses.</param>
internal sealed class TranscriptBuilder(TemplateTraits traits, bool allowFileUris)
{
    private readonly List<ChatTemplateMessage> messages = [];
    private readonly List<PromptImage> images = [];
    private readonly Dictionary<string, string> toolNames = [];
    private string? system;

    /// <summary>The pictures so far, in the order of their places.</summary>
    public IReadOnlyList<PromptImage> Images => images;

    /// <summary>The messages so far; what was said by the system in front is one message.</summary>
    public IReadOnlyList<ChatTemplateMessage> Messages =>
        system is null ? messages : [new ChatTemplateMessage("system", system), .. messages];

    /// <summary>Adds instructions in front of everything else.</summary>
    public void AddInstructions(string? instructions)
    {
        if (!string.IsNullOrWhiteSpace(instructions))
            system = instructions;
    }

    /// <summary>Adds a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="index">Its place, from 0.</param>
    /// <param name="cancellationToken">Stops the reading of files.</param>
    /// <exception cref="ChatContentException">A part cannot go to the model.</exception>
    public async Task AddAsync(ChatMessage message, int index, CancellationToken cancellationToken)
    {
        if (message.Role == ChatRole.Tool)
            AddResults(message, index);
        else if (message.Role == ChatRole.User)
            await AddUserAsync(message, index, cancellationToken).ConfigureAwait(false);
        else if (message.Role == ChatRole.Assistant)
            AddAssistant(message, index);
        else if (message.Role == ChatRole.System)
            AddSystem(message, index);
        else
            throw new TesseraException(
                $"message {index}: the role {message.Role} is not known; roles are system, user, assistant and tool."
            );
    }

    private void AddSystem(ChatMessage message, int index)
    {
        string text = string.Concat(Texts(message, index));
        if (messages.Count > 0)
            messages.Add(new ChatTemplateMessage("system", text));
        else
            system = system is null ? text : $"{system}\n\n{text}";
    }

    private async Task AddUserAsync(ChatMessage message, int index, CancellationToken cancellationToken)
    {
        var parts = new List<ChatTemplatePart>();
        for (int part = 0; part < message.Contents.Count; part++)
        {
            AIContent content = message.Contents[part];
            if (content is TextContent text)
                parts.Add(new ChatTemplatePart(text.Text));
            else if (content is DataContent or UriContent)
            {
                images.Add(await ReadImageAsync(content, index, part, cancellationToken).ConfigureAwait(false));
                parts.Add(ChatTemplatePart.Image);
            }
            else if (content is not UsageContent)
                throw Unsupported(content, message.Role, index, part);
        }

        messages.Add(new ChatTemplateMessage("user", parts));
    }

    private async Task<PromptImage> ReadImageAsync(AIContent content, int index, int part, CancellationToken cancellationToken)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"message {index}, part {part} ({KindOf(content)})");
        try
        {
            return content is UriContent uri
                ? await ImageReader.ReadAsync(uri, name, allowFileUris, cancellationToken).ConfigureAwait(false)
                : ImageReader.Read((DataContent)content, name);
        }
        catch (ImageException failure)
        {
            string problem = failure.Message.StartsWith(name, StringComparison.Ordinal)
                ? failure.Message[(name.Length + 2)..]
                : failure.Message;
            throw new ChatContentException(index, part, KindOf(content), problem, failure);
        }
    }

    private void AddAssistant(ChatMessage message, int index)
    {
        var text = new StringBuilder();
        var thoughts = new StringBuilder();
        var calls = new List<ChatTemplateToolCall>();
        for (int part = 0; part < message.Contents.Count; part++)
        {
            AIContent content = message.Contents[part];
            if (content is TextContent said)
                text.Append(said.Text);
            else if (content is TextReasoningContent thought)
                thoughts.Append(thought.Text);
            else if (content is FunctionCallContent call)
                calls.Add(CallOf(call, index, part));
            else if (content is not UsageContent)
                throw Unsupported(content, message.Role, index, part);
        }

        if (!traits.TakesCalls && traits.Format is { } format && calls.Count > 0)
        {
            text.Append(
                format.Syntax.Write(
                    message.Contents.OfType<FunctionCallContent>().Select(static call => (call.Name, ToolText.ArgumentsOf(call)))
                )
            );
            calls.Clear();
        }

        messages.Add(
            new ChatTemplateMessage("assistant", text.ToString())
            {
                ToolCalls = calls,
                Reasoning = thoughts.Length > 0 ? thoughts.ToString() : null,
            }
        );
    }

    private ChatTemplateToolCall CallOf(FunctionCallContent call, int index, int part)
    {
        RequireTools(call, index, part);
        toolNames[call.CallId] = call.Name;
        try
        {
            return new ChatTemplateToolCall(IdOf(call.CallId), call.Name, traits.ArgumentsFor(ToolText.ArgumentsOf(call)));
        }
        catch (Exception failure) when (failure is JsonException or NotSupportedException or ArgumentException or InvalidOperationException)
        {
            throw new ChatContentException(
                index,
                part,
                KindOf(call),
                $"the arguments of {call.Name} cannot be written as JSON ({failure.Message}).",
                failure
            );
        }
    }

    private void AddResults(ChatMessage message, int index)
    {
        for (int part = 0; part < message.Contents.Count; part++)
        {
            if (message.Contents[part] is not FunctionResultContent result)
                throw Unsupported(message.Contents[part], message.Role, index, part);
            RequireTools(result, index, part);
            try
            {
                messages.Add(
                    new ChatTemplateMessage("tool", ToolText.OfResult(result))
                    {
                        ToolCallId = IdOf(result.CallId),
                        ToolName = toolNames.GetValueOrDefault(result.CallId),
                    }
                );
            }
            catch (Exception failure)
                when (failure is JsonException or NotSupportedException or ArgumentException or InvalidOperationException)
            {
                throw new ChatContentException(
                    index,
                    part,
                    KindOf(result),
                    $"the result cannot be written as JSON ({failure.Message}).",
                    failure
                );
            }
        }
    }

    private void RequireTools(AIContent content, int index, int part)
    {
        if (!traits.TakesResults)
            throw new ChatContentException(
                index,
                part,
                KindOf(content),
                "the model's chat template has no place for calls of tools and their results."
            );
    }

    private static IEnumerable<string> Texts(ChatMessage message, int index)
    {
        for (int part = 0; part < message.Contents.Count; part++)
            yield return message.Contents[part] is TextContent text
                ? text.Text
                : throw Unsupported(message.Contents[part], message.Role, index, part);
    }

    private static ChatContentException Unsupported(AIContent content, ChatRole role, int index, int part) =>
        new(index, part, KindOf(content), $"the model takes no such part from the role {role}.");

    private static string KindOf(AIContent content) =>
        content switch
        {
            DataContent data => $"{content.GetType().Name}, {data.MediaType}",
            UriContent uri => $"{content.GetType().Name}, {uri.MediaType}",
            _ => content.GetType().Name,
        };

    // Mistral's templates refuse ids that are not nine letters and digits.
    private string IdOf(string callId) =>
        traits.Format?.KeepsIds == true || callId.Length == 9 && callId.All(char.IsAsciiLetterOrDigit)
            ? callId
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(callId)))[..9];
}
