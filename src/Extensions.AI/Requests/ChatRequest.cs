using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.ChatTemplates;

namespace Tessera.Extensions.AI;

/// <summary>A request as the engine takes it, and how its answer is to be read.</summary>
/// <param name="Transcript">The conversation.</param>
/// <param name="Generation">How to generate.</param>
/// <param name="Format">How calls of tools are written; null without tools.</param>
/// <param name="Tools">What may be called.</param>
/// <param name="Traits">What the template can do.</param>
/// <param name="IsThinking">Whether the prompt has opened a thought.</param>
internal sealed record ChatRequest(
    Transcript Transcript,
    GenerationOptions Generation,
    ToolCallFormat? Format,
    OfferedTools Tools,
    TemplateTraits Traits,
    bool IsThinking
)
{
    /// <summary>A reader for the answer, that knows how the answer was begun for the model.</summary>
    public IAnswerReader CreateReader()
    {
        IAnswerReader reader =
            Format?.CreateReader(Traits.Thoughts, IsThinking, Tools)
            ?? (
                Traits.IsHarmony
                    ? new HarmonyReader(takesCalls: false)
                    : new AnswerReader(null, Traits.Thoughts, IsThinking, OfferedTools.None)
            );
        if (Transcript.AnswerStart.Length > 0)
            reader.Append(Transcript.AnswerStart);
        return reader;
    }

    /// <summary>Maps a request.</summary>
    /// <exception cref="ChatContentException">A part of a message cannot go to the model.</exception>
    /// <exception cref="ChatOptionException">An option cannot be followed.</exception>
    public static async Task<ChatRequest> MapAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options,
        TemplateTraits traits,
        string modelId,
        IChatClient client,
        bool allowFileUris,
        CancellationToken cancellationToken
    )
    {
        RequireOwn(options, modelId);
        var builder = new TranscriptBuilder(traits, allowFileUris);
        builder.AddInstructions(options?.Instructions);
        int index = 0;
        foreach (ChatMessage message in messages)
            await builder.AddAsync(message, index++, cancellationToken).ConfigureAwait(false);

        GenerationOptions generation = GenerationMapping.Of(options, client);
        var variables = new Dictionary<string, TemplateValue>();
        AddThinking(variables, options?.Reasoning, traits);
        ToolCallFormat? format = AddTools(variables, options, traits);
        var offered = new OfferedTools(format is null ? [] : [.. options!.Tools!.Cast<AIFunctionDeclaration>()]);
        bool isThinking = traits.OpensThought(variables);
        string start = "";
        if (format is not null && options?.ToolMode is RequiredChatToolMode required)
        {
            start = (isThinking ? $"\n{traits.Thoughts!.End}\n\n" : "") + format.StartOf(required.RequiredFunctionName);
            generation = generation with
            {
                Format = RequiredCalls.Of(
                    format.Syntax,
                    offered.Functions,
                    required.RequiredFunctionName,
                    options.AllowMultipleToolCalls != false
                ),
            };
        }

        var transcript = new Transcript(builder.Messages)
        {
            Images = builder.Images,
            Variables = variables,
            AnswerStart = start,
            Limits = GenerationMapping.LimitsOf(options),
        };
        // Qwen 2.5 has its tags as tokens that are seen anyway, others as control tokens that are not.
        string[] shown =
        [
            .. generation.ShownTokens,
            .. format?.Tokens ?? [],
            .. traits.IsHarmony ? HarmonyReader.Marks : [],
            .. traits.Thoughts is { } thoughts ? (string[])[thoughts.Start, thoughts.End] : [],
        ];
        return new ChatRequest(
            transcript,
            generation with
            {
                ShownTokens = [.. shown.Where(static token => token.Length > 0).Distinct()],
            },
            format,
            offered,
            traits,
            isThinking
        );
    }

    private static void RequireOwn(ChatOptions? options, string modelId)
    {
        if (options?.ConversationId is not null)
            throw new ChatOptionException(
                nameof(ChatOptions.ConversationId),
                "the client keeps no conversations: pass all messages each time (what was computed for them is still reused)."
            );
        if (options?.ModelId is { } other && other != modelId)
            throw new ChatOptionException(nameof(ChatOptions.ModelId), $"the client answers with {modelId}, not with {other}.");
    }

    private static void AddThinking(Dictionary<string, TemplateValue> variables, ReasoningOptions? reasoning, TemplateTraits traits)
    {
        if (reasoning?.Effort is not { } effort)
            return;
        if (traits.HasThinkingSwitch)
            variables["enable_thinking"] = TemplateValue.From(effort != ReasoningEffort.None);
        if (traits.HasEffort && effort != ReasoningEffort.None)
            variables["reasoning_effort"] = TemplateValue.From(
                effort switch
                {
                    ReasoningEffort.Low => "low",
                    ReasoningEffort.Medium => "medium",
                    _ => "high",
                }
            );
    }

    private static ToolCallFormat? AddTools(Dictionary<string, TemplateValue> variables, ChatOptions? options, TemplateTraits traits)
    {
        bool isOff = options?.ToolMode is NoneChatToolMode;
        if (options?.Tools is not { Count: > 0 } tools || isOff)
        {
            if (options?.ToolMode is RequiredChatToolMode)
                throw new ChatOptionException(nameof(ChatOptions.ToolMode), "a call of a tool is required, but there are no tools.");
            return null;
        }

        if (options.ToolMode is RequiredChatToolMode { RequiredFunctionName: string name } && !tools.Any(tool => tool.Name == name))
            throw new ChatOptionException(nameof(ChatOptions.ToolMode), $"a call of {name} is required, but there is no such tool.");
        JsonElement listed = ToolText.OfTools(tools);
        if (!traits.TakesTools)
            throw new ChatOptionException(
                nameof(ChatOptions.Tools),
                "the model's chat template has no place for tools and their results: take a model that was trained to call them, or set "
                    + "ToolMode to None."
            );
        traits.Tell(variables, listed);
        return traits.Format
            ?? throw new ChatOptionException(
                nameof(ChatOptions.Tools),
                "the model's chat template has its calls of tools written in a form that is not known."
            );
    }
}
