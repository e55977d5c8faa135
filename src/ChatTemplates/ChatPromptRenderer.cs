namespace Tessera.ChatTemplates;

/// <summary>Renders conversations with images: finds out how a template takes content, and where it puts each image.</summary>
public sealed class ChatPromptRenderer
{
    private const string ProbeText = "tessera-probe";
    private readonly ChatTemplate template;
    private readonly string[] placeholders;
    private readonly TemplateLimits? limits;
    private bool? takesParts;
    private bool? takesStrings;

    /// <summary>Prepares a template.</summary>
    /// <param name="template">The model's template.</param>
    /// <param name="imagePlaceholders">What the family's templates may print for an image; of two at one place the longer counts.</param>
    /// <param name="limits">What one rendering may cost.</param>
    public ChatPromptRenderer(ChatTemplate template, IEnumerable<string> imagePlaceholders, TemplateLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(imagePlaceholders);
        this.template = template;
        placeholders = [.. imagePlaceholders.Where(text => text.Length > 0).OrderByDescending(text => text.Length)];
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
    /// <param name="cancellationToken">Stops the rendering.</param>
    /// <exception cref="TemplateException">The template fails, or does not print one place for each image.</exception>
    public IReadOnlyList<PromptSegment> Render(
        IReadOnlyList<ChatTemplateMessage> messages,
        bool addGenerationPrompt,
        string? bosToken = null,
        string? eosToken = null,
        IReadOnlyDictionary<string, TemplateValue>? extra = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(messages);
        int imageCount = messages.Sum(static message => message.ImageCount);
        var marks = new RenderMarks(messages);
        string RenderWith(IReadOnlyList<ChatTemplateMessage> written) =>
            RenderText(written, UsesParts, marks.Image, addGenerationPrompt, bosToken, eosToken, extra, limits, cancellationToken);
        string text = RenderWith(messages);
        // A template may change a text, cut thoughts out of an answer for one: a mark in its place would hide that.
        if (marks.HasSlots && RenderWith(marks.InPlace(messages)) is { } marked && marks.Fill(marked) == text)
            text = marked;
        // Without images nothing is a placeholder: a user may well type one.
        string[] places =
            imageCount == 0 ? []
            : TakesParts ? placeholders
            : [marks.Image];
        List<PromptSegment> segments = marks.Split(text, places);
        int placeCount = segments.Count(static segment => segment.IsImage);
        return placeCount == imageCount
            ? segments
            : throw new TemplateException(template.Name, 1, 1, $"the template prints {placeCount} image places for {imageCount} images");
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
                "",
                true,
                "",
                "",
                null,
                (limits ?? TemplateLimits.Default).ForProbe(),
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
        string imageMark,
        bool addGenerationPrompt,
        string? bosToken,
        string? eosToken,
        IReadOnlyDictionary<string, TemplateValue>? extra,
        TemplateLimits? limits,
        CancellationToken cancellationToken
    )
    {
        Dictionary<string, TemplateValue> variables = new()
        {
            ["messages"] = TemplateValue.List(messages.Select(message => ToValue(message, usesParts(message), imageMark))),
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
        return template.Render(variables, limits, cancellationToken: cancellationToken);
    }

    private static TemplateValue ToValue(ChatTemplateMessage message, bool asParts, string imageMark)
    {
        TemplateValue content = asParts
            ? TemplateValue.List(message.Parts.Select(ToValue))
            : TemplateValue.From(string.Concat(message.Parts.Select(part => part.Text ?? imageMark)));
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
}
