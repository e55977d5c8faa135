namespace Tessera.ChatTemplates;

/// <summary>
/// A chat template, the Jinja program in a model file that writes a conversation as the prompt the model was trained on.
/// Renders as transformers 5.12 does with Jinja2 3.1.6 (chat_template_utils.py): sandboxed, nothing can be changed, no other
/// file can be read.
/// </summary>
public sealed class ChatTemplate
{
    private readonly string source;
    private readonly Body body;

    private ChatTemplate(string source, string name, Body body)
    {
        this.source = source;
        Name = name;
        this.body = body;
    }

    /// <summary>The name that messages give the template.</summary>
    public string Name { get; }

    /// <summary>The template's text.</summary>
    public string Source => source;

    /// <summary>Parses a template.</summary>
    /// <param name="source">The template's text.</param>
    /// <param name="name">The name that messages give it: its file, or the model it comes from.</param>
    /// <exception cref="TemplateException">The template is not one that Jinja2 would compile.</exception>
    public static ChatTemplate Parse(string source, string name)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(name);
        string normal = TemplateLexer.Normalize(source);
        try
        {
            return new ChatTemplate(normal, name, TemplateParser.Parse(normal));
        }
        catch (TemplateFault fault)
        {
            throw TemplateException.At(name, normal, fault.Offset ?? 0, fault.Message, fault);
        }
    }

    /// <summary>Renders the template.</summary>
    /// <param name="variables">What the template can see: messages, tools, add_generation_prompt, bos_token and the like.</param>
    /// <param name="limits">What the rendering may cost; the default limits where null.</param>
    /// <param name="clock">The time that strftime_now tells; the system's where null.</param>
    /// <param name="cancellationToken">Stops the rendering.</param>
    /// <exception cref="TemplateException">The template fails, raises an exception itself, or goes over a limit.</exception>
    public string Render(
        IReadOnlyDictionary<string, TemplateValue> variables,
        TemplateLimits? limits = null,
        TimeProvider? clock = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(variables);
        RenderMeter meter = new(limits ?? TemplateLimits.Default, cancellationToken);
        RenderState state = new(variables, meter, clock ?? TimeProvider.System);
        try
        {
            body.Execute(state);
            return state.Output;
        }
        catch (TemplateFault fault)
        {
            throw TemplateException.At(Name, source, fault.Offset ?? state.Offset, fault.Message, fault);
        }
    }
}
