using System.Text;
using Tessera.ChatTemplates;
using Tessera.Text;
using Tessera.Text.Sampling;
using Tessera.Vision.Encoding;
using Tessera.Vision.Families;

namespace Tessera.Prompting;

/// <summary>A conversation laid out for the language model, with the plans of its pictures; nothing is encoded yet.</summary>
/// <param name="Layout">Runs of tokens and spans of embeddings.</param>
/// <param name="Media">The pictures and videos with their plans.</param>
internal sealed record ComposedPrompt(PromptLayout Layout, IReadOnlyList<PlannedMedia> Media)
{
    /// <summary>Texts that end the answer, as the wording has it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Tokens and embeddings in all.</summary>
    public int Length => Layout.Length;
}

/// <summary>Lays conversations out from the pictures' headers, and joins them with the embeddings once these are made.</summary>
internal sealed class PromptComposer(ILanguageModel language, Projector? projector, ChatTemplate? template)
{
    /// <summary>Lays a conversation out: its length is exact, so that what is too long is refused before anything is encoded.</summary>
    /// <exception cref="TesseraException">A picture has no place, or the model sees none.</exception>
    public ComposedPrompt Compose(Conversation conversation)
    {
        using var hold = language.Hold();
        if (projector?.AnswersAlone == true)
            conversation = LoneQuestion.Of(conversation);
        // Families that slice less beside other pictures look at one turn's: a later turn must not change what an earlier one saw.
        return LayOut(
            Write(conversation),
            conversation.Turns.SelectMany(static turn =>
            {
                PlanRequest request = turn.Limits with
                {
                    ImageCount = turn.Media.Count(static item => item is PromptImage),
                    Instruction = turn.Limits.Instruction ?? MediaMarker.WithoutPlaces(turn.Text),
                };
                return turn.Media.Select(media => (media, request));
            }),
            conversation.RawText is not null
        );
    }

    /// <summary>Lays a transcript out.</summary>
    /// <param name="transcript">The messages.</param>
    /// <param name="memory">Knows the tokens of earlier answers.</param>
    /// <exception cref="TesseraException">A picture has no place, the model sees none, or the template fails.</exception>
    public ComposedPrompt Compose(Transcript transcript, AnswerMemory memory)
    {
        using var hold = language.Hold();
        if (projector?.AnswersAlone == true)
            transcript = LoneQuestion.Of(transcript);
        return LayOut(Write(transcript, memory), transcript.PlacedMedia());
    }

    /// <summary>How pictures are cut that stand for themselves, outside a conversation.</summary>
    public IReadOnlyList<PlannedMedia> PlanAlone(IReadOnlyList<PromptMedia> media) =>
        [.. media.Select(item => Plan(item, PlanRequest.Default))];

    /// <summary>The tokens with these texts, of those that are one token.</summary>
    public IReadOnlyList<int> ControlTokens(IReadOnlyList<string> texts)
    {
        if (texts.Count == 0)
            return [];
        using var hold = language.Hold();
        return [.. texts.Select(language.Vocabulary.FindControl).OfType<int>()];
    }

    private ComposedPrompt LayOut(
        IReadOnlyList<PromptPiece> text,
        IEnumerable<(PromptMedia Media, PlanRequest Request)> media,
        bool isRaw = false
    )
    {
        List<PlannedMedia> planned = [.. media.Select((item, index) => Plan(item.Media, item.Request with { ImageIndex = index }))];
        int placeCount = text.Count(static piece => piece is PromptPiece.Place);
        if (placeCount != planned.Count)
            throw new TesseraException(
                $"The prompt has {placeCount} places for pictures ({MediaMarker.Text}), but {planned.Count} pictures were given."
            );
        if (
            language.Memory is { } memory
            && planned.Sum(static item => item.Plan.Layout.Count(static span => span.MemoryRowCount > 0)) is var seen
            && seen > memory.MostMedia
        )
            throw new TesseraException(
                $"The prompt has {seen} pictures, and {language.Path} looks at {memory.MostMedia} in one prompt at most."
            );
        if (projector?.ReadsPrompt == true)
        {
            if (planned.Count == 0)
                throw new TesseraException($"{language.Path} answers questions about a picture, and the prompt has none.");
            text = [.. text.Where(static piece => piece is PromptPiece.Place)];
        }

        IReadOnlyList<PromptPiece> pieces = PromptExpansion.Expand(text, [.. planned.Select(static item => item.Plan)]);
        PromptLayout layout = PromptTokenizer.Tokenize(
            pieces,
            language.Vocabulary,
            new PromptEnds(projector?.StartsBehindRows == true, projector?.KeepsStartText == true, language.HasEncoder)
        );
        return layout.Length > 0
            ? new ComposedPrompt(layout, planned) { StopStrings = isRaw || template is not null ? [] : Wording.StopStrings }
            : throw new TesseraException("The prompt is empty.");
    }

    /// <summary>Puts the embeddings into their spans, and memories into sight.</summary>
    public PromptRows Join(ComposedPrompt prompt, IReadOnlyList<MediaEmbeddings> images, KeyOrigin origin = default)
    {
        var rows = new PromptRows(language.RowWidth, origin);
        var views = new Queue<MemoryView>(Views(prompt, images, origin));
        if (views.TryDequeue(out MemoryView? first))
            rows.See(first);
        foreach (PromptSpan span in prompt.Layout.Spans)
        {
            switch (span)
            {
                case PromptSpan.Tokens run:
                    rows.AddTokens(run.Ids);
                    break;
                case PromptSpan.Memory:
                    rows.See(views.Dequeue());
                    break;
                case PromptSpan.Embeddings part:
                    MediaEmbeddings image = images[part.MediaIndex];
                    rows.AddEmbeddings(
                        image.Key.ContentKey,
                        part.Start,
                        image.Values.Slice(part.Start * language.RowWidth, part.Count * language.RowWidth),
                        part.Places
                    );
                    break;
            }
        }

        return rows;
    }

    // What the rows see before the first medium, and from each on; none where there are no memories.
    private IReadOnlyList<MemoryView> Views(ComposedPrompt prompt, IReadOnlyList<MediaEmbeddings> images, KeyOrigin origin)
    {
        if (language.Memory is not { } rule || projector is null)
            return [];
        var media = new List<MediaMemory>();
        var touches = new List<bool>();
        IReadOnlyList<PromptSpan> spans = prompt.Layout.Spans;
        for (int index = 0; index < spans.Count; index++)
        {
            if (spans[index] is not PromptSpan.Memory part)
                continue;
            MediaEmbeddings image = images[part.MediaIndex];
            int first = (prompt.Media[part.MediaIndex].Plan.ImageTokenCount * projector.RowWidth) + (part.Start * rule.Width);
            ReadOnlyMemory<float> memory = image.Values.Slice(first, part.Count * rule.Width);
            media.Add(new MediaMemory(image.Key.ContentKey + (ulong)part.Start, memory, part.SeenCount, origin));
            touches.Add(index >= 2 && spans[index - 1] is PromptSpan.Tokens { Ids.Length: 1 } && spans[index - 2] is PromptSpan.Memory);
        }

        return media.Count == 0 ? [] : MemoryView.Of(rule, media, touches);
    }

    /// <summary>An answer as later turns will need it.</summary>
    public GeneratedAnswer AnswerOf(GenerationResult result) => AnswerOf(result.Text, [.. result.TokenIds]);

    /// <summary>An answer as later turns will need it. What a stop string cut is not what was generated, so its tokens are left
    /// out.</summary>
    /// <param name="text">What the conversation shows.</param>
    /// <param name="ids">Tokens of the vocabulary.</param>
    public GeneratedAnswer AnswerOf(string text, int[] ids)
    {
        using var hold = language.Hold();
        if (ids.Length > 0 && language.Vocabulary.IsEnd(ids[^1]))
            ids = ids[..^1];
        string generated = Encoding.UTF8.GetString([.. ids.SelectMany(id => language.Vocabulary.Piece(id).ToArray())]);
        return new GeneratedAnswer(text, generated, generated.TrimStart() == text ? ids : []);
    }

    /// <summary>The places that an answer names in the last of the prompt's pictures; control tokens, which its text leaves out, tell them
    /// in some families.</summary>
    public IReadOnlyList<GroundedRegion> RegionsOf(IReadOnlyList<int> tokenIds, IReadOnlyList<PlannedMedia> media)
    {
        if (projector?.Regions is not { } notation || media.Count == 0)
            return [];
        using var hold = language.Hold();
        byte[] answer =
        [
            .. tokenIds
                .Where(token => !language.Vocabulary.IsEnd(token))
                .SelectMany(token => language.Vocabulary.Piece(token, showsControl: true).ToArray()),
        ];
        return [.. notation(Encoding.UTF8.GetString(answer)).Select(region => region.In(media[^1].Plan, media.Count - 1))];
    }

    /// <summary>What keeps how likely an answer's tokens are.</summary>
    public LogProbabilities WatchProbabilities(int likeliestCount) => new(language.Vocabulary, likeliestCount);

    /// <summary>Whether the vocabulary has a token.</summary>
    public bool IsToken(int id) => id >= 0 && id < language.Vocabulary.TokenCount;

    /// <summary>Whether a key could be one of a prompt's positions.</summary>
    public bool IsKey(ulong key) => !PromptRows.IsToken(key) || key < (ulong)language.Vocabulary.TokenCount;

    private IReadOnlyList<PromptPiece> Write(Conversation conversation)
    {
        if (conversation.RawText is not null)
            return PromptPiece.Raw(conversation.RawText);
        GeneratedAnswer?[] answers = [.. conversation.Turns.SkipLast(1).Select(static turn => turn.Answer)];
        Exchange[] exchanges =
        [
            .. conversation.Turns.Select((turn, index) => turn.ToExchange(IsKnown(answers.ElementAtOrDefault(index)) ? index : null)),
        ];
        return AnswerRecall.Fill(Chat.Write(conversation.System, exchanges), answers, language.Vocabulary);
    }

    private List<PromptPiece> Write(Transcript transcript, AnswerMemory memory)
    {
        GeneratedAnswer?[] answers = [.. transcript.Messages.Select(message => IsPlainAnswer(message) ? memory.Find(message.Text) : null)];
        ChatTemplateMessage[] messages =
        [
            .. transcript.Messages.Select(
                (message, index) => IsKnown(answers[index]) ? message with { Parts = [new ChatTemplatePart(message.Text, index)] } : message
            ),
        ];
        IReadOnlyList<PromptSegment> prompt = Chat.Write(messages, transcript.Variables);
        List<PromptPiece> pieces = [.. AnswerRecall.Fill(prompt, answers, language.Vocabulary)];
        PromptPiece.Add(pieces, new PromptPiece.Written(transcript.AnswerStart));
        return pieces;
    }

    private static bool IsPlainAnswer(ChatTemplateMessage message) =>
        message is { Role: "assistant", ToolCalls.Count: 0, ImageCount: 0 } && message.Text.Length > 0;

    private static bool IsKnown(GeneratedAnswer? answer) => answer is { Ids.Count: > 0 };

    private FamilyPrompt Wording => (projector?.Wording ?? FamilyPrompt.Vicuna).For(language.Vocabulary.Has);

    private ChatPrompt Chat => new(template, projector?.Wording ?? FamilyPrompt.Vicuna, language.Vocabulary);

    private PlannedMedia Plan(PromptMedia media, PlanRequest request) =>
        projector is null ? throw new NoProjectorException(language.Path) : projector.Plan(media, request);
}
