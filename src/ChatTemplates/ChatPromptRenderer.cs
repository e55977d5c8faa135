namespace Tessera.ChatTemplates;

/// <summary>Renders conversations with images: finds out how a template takes content, and where it puts each image.</summary>
public sealed class ChatPromptRenderer
{
    private const string ProbeText = "tessera-probe";
    private readonly ChatTemplate template;
    private readonly string[] placeholders;
    private readonly string imageMarker;
    private readonly TemplateLimits? limits;
    private bool? takesParts;
    private bool? takesStrings;

    /// <summary>Prepares a template.</summary>
    /// <param name="template">The model's template.</param>
    /// <param name="imagePlaceholders">What the family's templates may print for an image; of two at one place the longer counts.</param>
    /// <param name="imageMarker">Stands for an image in the content of templates that take it as one string only.</param>
    /// <param name="limits">What one rendering may cost.</param>
    public ChatPromptRenderer(
        ChatTemplate template,
        IEnumerable<string> imagePlaceholders,
        string imageMarker = "<__media__>",
        TemplateLimits? limits = null
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(imageMarker);
        this.template = template ?? throw new ArgumentNullException(nameof(template));
        this.placeholders = [.. imagePlaceholders.Where(text => text.Length > 0).OrderByDescending(text => text.Length)];
        this.imageMarker = imageMarker;
        this.limits = limits;
    }

    /// <summary>Whether the template takes content as a list of parts; found by rendering a probe once.</summary>
    public bool TakesParts => takesParts ??= Probe(asParts: true);

    private bool TakesStrings => takesStrings ??= Probe(asParts: false);

    /// <summary>Renders a conversation as texts with the places of its images between them.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">Whether the prompt ends where the assistant is to speak.</param>
    /// <param name="bosToken">The text of the vocabulary's first token, where it has one.</param>
    /// <param name="eosToken">The text of the vocabulary's last token, where it has one.</param>
    /// <param name="extra">Further variables, such as enable_thinking or tools; they win over the renderer's own.</param>
    /// <param name="cancellation">Stops the rendering.</param>
    /// <exception cref="TemplateException">The template fails, or does not print one place for each image.</exception>
    public IReadOnlyList<PromptSegment> Render(
        IReadOnlyList<ChatTemplateMessage> messages,
        bool addGenerationPrompt,
        string? bosToken = null,
        string? eosToken = null,
        IReadOnlyDictionary<string, TemplateValue>? extra = null,
        CancellationToken cancellation = default
    )
    {
        int imageCount = messages.Sum(message => message.Parts.Count(part => part.IsImage));
        string text = RenderText(messages, UsesParts, addGenerationPrompt, bosToken, eosToken, extra, this.limits, cancellation);
        // Without images nothing is a placeholder: a user may well type one.
        if (imageCount == 0)
            return [new PromptSegment(text)];
        List<PromptSegment> segments = Split(text, TakesParts ? this.placeholders : [this.imageMarker]);
        int placeCount = segments.Count(segment => segment.IsImage);
        return placeCount == imageCount
            ? segments
            : throw new TemplateException(
                this.template.Name,
                1,
                1,
                $"the template prints {placeCount} image places for {imageCount} images"
            );
    }

    // Many templates take parts from users only, so a message without images stays a string where the template takes strings.
    private bool UsesParts(ChatTemplateMessage message) => TakesParts && (!TakesStrings || message.Parts.Any(part => part.IsImage));

    private bool Probe(bool asParts)
    {
        try
        {
            string text = RenderText(
                [new ChatTemplateMessage("user", ProbeText)],
                _ => asParts,
                true,
                "",
                "",
                null,
                (this.limits ?? TemplateLimits.Default).ForProbe(),
                CancellationToken.None
            );
            // A template for strings prints a list as Python writes it, or fails on it.
            return text.Contains(ProbeText, StringComparison.Ordinal)
                && !text.Contains($"'{ProbeText}'", StringComparison.Ordinal)
                && !text.Contains($"\"{ProbeText}\"", StringComparison.Ordinal);
        }
        catch (TemplateException)
        {
            return false;
        }
    }

    private string RenderText(
        IReadOnlyList<ChatTemplateMessage> messages,
        Func<ChatTemplateMessage, bool> usesParts,
        bool addGenerationPrompt,
        string? bosToken,
        string? eosToken,
        IReadOnlyDictionary<string, TemplateValue>? extra,
        TemplateLimits? limits,
        CancellationToken cancellation
    )
    {
        Dictionary<string, TemplateValue> variables = new()
        {
            ["messages"] = TemplateValue.List(messages.Select(message => ToValue(message, usesParts(message)))),
            ["tools"] = TemplateValue.None,
            ["documents"] = TemplateValue.None,
            ["add_generation_prompt"] = TemplateValue.From(addGenerationPrompt),
        };
        if (bosToken is not null)
            variables["bos_token"] = TemplateValue.From(bosToken);
        if (eosToken is not null)
            variables["eos_token"] = TemplateValue.From(eosToken);
        foreach ((string name, TemplateValue value) in extra ?? new Dictionary<string, TemplateValue>())
            variables[name] = value;
        return this.template.Render(variables, limits, cancellation: cancellation);
    }

    private TemplateValue ToValue(ChatTemplateMessage message, bool asParts)
    {
        TemplateValue content = asParts
            ? TemplateValue.List(message.Parts.Select(ToValue))
            : TemplateValue.From(string.Concat(message.Parts.Select(part => part.Text ?? this.imageMarker)));
        List<(string, TemplateValue)> entries = [("role", TemplateValue.From(message.Role)), ("content", content)];
        if (message.Reasoning is not null)
            entries.Add(("reasoning_content", TemplateValue.From(message.Reasoning)));
        if (message.ToolCalls.Count > 0)
            entries.Add(("tool_calls", TemplateValue.List(message.ToolCalls.Select(ToValue))));
        if (message.ToolCallId is not null)
            entries.Add(("tool_call_id", TemplateValue.From(message.ToolCallId)));
        if (message.ToolName is not null)
            entries.Add(("name", TemplateValue.From(message.ToolName)));
        return TemplateValue.Map(entries);
    }

    private static TemplateValue ToValue(ChatTemplateToolCall call) =>
        TemplateValue.Map([
            ("type", TemplateValue.From("function")),
            ("id", TemplateValue.From(call.Id)),
            ("function", TemplateValue.Map([("name", TemplateValue.From(call.Name)), ("arguments", call.Arguments)])),
        ]);

    private static TemplateValue ToValue(ChatTemplatePart part) =>
        part.Text is { } text
            ? TemplateValue.Map([("type", TemplateValue.From("text")), ("text", TemplateValue.From(text))])
            : TemplateValue.Map([("type", TemplateValue.From("image"))]);

    private static List<PromptSegment> Split(string text, string[] placeholders)
    {
        List<PromptSegment> segments = [];
        int start = 0;
        for (int index = 0; index < text.Length; )
        {
            string? found = Array.Find(placeholders, candidate => string.CompareOrdinal(text, index, candidate, 0, candidate.Length) == 0);
            if (found is null)
            {
                index++;
                continue;
            }
            if (index > start)
                segments.Add(new PromptSegment(text[start..index]));
            segments.Add(new PromptSegment(null));
            start = index += found.Length;
        }
        if (start < text.Length)
            segments.Add(new PromptSegment(text[start..]));
        return segments;
    }
}
