namespace Tessera.Cli.Chat;

/// <summary>What a chat has on its desk: the model, which it owns, the conversations, the pictures that go with the next message, and how
/// answers are generated.</summary>
internal sealed class ChatDesk : IDisposable
{
    private readonly List<ChatSession> sessions;

    public ChatDesk(MultimodalModel model, ModelOptions files, ChatSessionOptions options, GenerationOptions generation, PlanRequest limits)
    {
        (Model, Files) = (model, files);
        Generation = generation;
        Limits = limits;
        sessions = [model.StartChat(options)];
    }

    public MultimodalModel Model { get; private set; }

    /// <summary>What the model was loaded with.</summary>
    public ModelOptions Files { get; private set; }

    public GenerationOptions Generation { get; set; }

    /// <summary>Limits on the slices and tokens of each picture.</summary>
    public PlanRequest Limits { get; }

    /// <summary>Whether a picture's address may be redirected into this machine's network.</summary>
    public bool AllowsLocal { get; init; }

    /// <summary>Which frames of videos are taken.</summary>
    public VideoRange VideoRange { get; init; } = new();

    /// <summary>Pictures and videos that go with the next message.</summary>
    public List<PromptMedia> Pending { get; } = [];

    /// <summary>The last finished answer.</summary>
    public GenerationResult? Last { get; set; }

    /// <summary>The last message while it is being changed.</summary>
    public string? Draft { get; set; }

    /// <summary>Whether the user wants to leave.</summary>
    public bool IsOver { get; set; }

    /// <summary>Number of the current conversation, from 1.</summary>
    public int Number { get; private set; } = 1;

    public int Count => sessions.Count;

    public ChatSession Session => sessions[Number - 1];

    /// <summary>Puts another conversation in the place of the current one.</summary>
    public void Replace(ChatSession session)
    {
        Session.Dispose();
        sessions[Number - 1] = session;
        Last = null;
    }

    /// <summary>Goes on with another model, in an empty conversation; the model before it and its conversations are closed.</summary>
    public void Replace(MultimodalModel model, ModelOptions files)
    {
        ChatSessionOptions options = Session.Options;
        Dispose();
        (Model, Files, Number, Last) = (model, files, 1, null);
        sessions.Clear();
        sessions.Add(model.StartChat(options));
    }

    /// <summary>Goes on in a copy of the current conversation.</summary>
    public void Fork()
    {
        sessions.Add(Session.Fork());
        Number = sessions.Count;
    }

    /// <summary>Goes to a conversation by its number; false where there is none.</summary>
    public bool TryGoTo(int number)
    {
        if (number < 1 || number > sessions.Count)
            return false;
        Number = number;
        return true;
    }

    /// <summary>How a picture or a video will be cut if the message has so many.</summary>
    /// <exception cref="TesseraException">The model sees no pictures, or this one cannot be used.</exception>
    public SlicePlan Plan(PromptMedia media, int mediaCount = 1) => RequireVision().Plan(media, Limits with { ImageCount = mediaCount });

    /// <exception cref="TesseraException">The model sees no pictures.</exception>
    public VisionModel RequireVision() =>
        Model.Vision
        ?? throw new TesseraException("The model was loaded without a vision projector, so it sees no pictures: give one with --mmproj.");

    public void Dispose()
    {
        foreach (ChatSession session in sessions)
            session.Dispose();
        Model.Dispose();
    }
}
