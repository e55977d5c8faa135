namespace Tessera.ChatTemplates;

/// <summary>A chat template that cannot be parsed or rendered; the message starts with template, line and column.</summary>
public sealed class TemplateException : TesseraException
{
    /// <summary>Creates the failure at one place of one template.</summary>
    /// <param name="templateName">The template at fault.</param>
    /// <param name="line">Line in the template, from 1.</param>
    /// <param name="column">Column in that line, from 1.</param>
    /// <param name="problem">What is wrong there; for <c>raise_exception</c> the template's own words.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public TemplateException(string templateName, int line, int column, string problem, Exception? innerException = null)
        : base($"{templateName}:{line}:{column}: {problem}", innerException)
    {
        TemplateName = templateName;
        Line = line;
        Column = column;
        Problem = problem;
    }

    /// <summary>The template at fault.</summary>
    public string TemplateName { get; }

    /// <summary>Line in the template, from 1.</summary>
    public int Line { get; }

    /// <summary>Column in that line, from 1.</summary>
    public int Column { get; }

    /// <summary>What is wrong, without the place.</summary>
    public string Problem { get; }

    internal static TemplateException At(string templateName, string source, int offset, string problem, Exception? cause = null)
    {
        ReadOnlySpan<char> before = source.AsSpan(0, Math.Clamp(offset, 0, source.Length));
        int line = before.Count('\n') + 1;
        int column = before.Length - before.LastIndexOf('\n');
        return new TemplateException(templateName, line, column, problem, cause);
    }
}

/// <summary>A failure whose place is not known yet; the parser or the renderer turns it into a <see cref="TemplateException"/>.</summary>
#pragma warning disable CA1032 // it never leaves this folder
internal sealed class TemplateFault(string problem) : Exception(problem)
#pragma warning restore CA1032
{
    /// <summary>Where it happened, when the thrower knows better than the renderer.</summary>
    public int? Offset { get; init; }
}
