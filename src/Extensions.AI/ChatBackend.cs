using Tessera.ChatTemplates;

namespace Tessera.Extensions.AI;

/// <summary>Streams the answer to a conversation.</summary>
internal delegate IAsyncEnumerable<GenerationUpdate> AnswerStream(
    Transcript transcript,
    GenerationOptions options,
    CancellationToken cancellationToken
);

/// <summary>What a client answers with.</summary>
/// <param name="Model">The model; null where something else answers.</param>
/// <param name="Traits">What its template can do.</param>
/// <param name="Answers">Answers.</param>
internal sealed record ChatBackend(MultimodalModel? Model, TemplateTraits Traits, AnswerStream Answers)
{
    /// <summary>Answers with a model.</summary>
    public static ChatBackend Of(MultimodalModel model) =>
        new(
            model,
            new TemplateTraits(model.ChatTemplate),
            (transcript, options, cancellationToken) => model.AnswerStreamingAsync(transcript, options, null, cancellationToken)
        );

    /// <summary>Answers with anything.</summary>
    public static ChatBackend Of(ChatTemplate? template, AnswerStream answers) => new(null, new TemplateTraits(template), answers);
}
