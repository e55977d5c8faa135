namespace Tessera.Annotation;

/// <summary>What is asked about every picture.</summary>
public sealed record AnnotationRequest
{
    /// <summary>The text; <see cref="PromptWords"/> in it stand for parts of the picture's path.</summary>
    public required string Prompt { get; init; }

    /// <summary>The system sentence; null for the model's own.</summary>
    public string? System { get; init; }

    /// <summary>How answers are generated. The same picture and text give the same answer where the temperature is 0.</summary>
    public GenerationOptions Options { get; init; } = new() { Temperature = 0 };

    /// <summary>Limits on slices and tokens of each picture.</summary>
    public PlanRequest Limits { get; init; } = PlanRequest.Default;

    /// <summary>The prompt for one picture.</summary>
    public Prompt For(string path, PromptImage picture) =>
        new(PromptWords.Fill(Prompt, path))
        {
            Images = [picture],
            System = System,
            Limits = Limits,
        };
}
