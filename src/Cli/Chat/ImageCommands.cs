using System.Globalization;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Server.Look;
using Tessera.Shared;

namespace Tessera.Cli.Chat;

/// <summary>The commands about pictures and videos.</summary>
/// <param name="desk">What there is.</param>
/// <param name="screen">Where it is shown.</param>
/// <param name="interrupts">Stops what takes long.</param>
internal sealed class ImageCommands(ChatDesk desk, ChatScreen screen, Interrupts interrupts)
{
    /// <summary><c>/image</c></summary>
    public async Task AddAsync(string text)
    {
        if (text.Length == 0)
            throw new TesseraException("Name a picture's file or address: /image PATH.");
        LineWithImages named = ImagePaths.OnlyPictures.Find(text);
        // Of several names, the one that is no picture is told; where none is one, all of it may be one name.
        IReadOnlyList<string> paths =
            named.Text.Length == 0 ? named.Paths
            : named.Paths.Count == 0 ? [TypedPath.Require(text)]
            : throw new TesseraException(
                $"{PlainText.Quote(named.Text.Replace(LineWithImages.Marker, " ", StringComparison.Ordinal).Trim())}: "
                    + "this is not a picture that can be read, so none was added."
            );
        await AttachAsync(paths);
    }

    /// <summary><c>/video</c></summary>
    public async Task AddVideoAsync(string text)
    {
        if (text.Length == 0)
            throw new TesseraException("Name a video's file, or a folder of frames: /video PATH.");
        await interrupts.RunAsync(async token =>
        {
            PromptVideo video = await PromptVideo.FromFileAsync(TypedPath.Resolve(text), desk.VideoRange, token);
            Show(video);
            desk.Pending.Add(video);
        });
    }

    /// <summary>Puts pictures on the desk and shows them: all of them, or none if one cannot be used.</summary>
    /// <exception cref="TesseraException">One cannot be used.</exception>
    public Task AttachAsync(IReadOnlyList<string> names) =>
        interrupts.RunAsync(async token =>
        {
            var images = new List<PromptImage>();
            foreach (string name in names)
                images.Add(await ImageInputs.ReadAsync(name, desk.AllowsLocal, token));
            Attach(images);
        });

    /// <summary>Puts pictures on the desk and shows them.</summary>
    /// <exception cref="TesseraException">One cannot be used.</exception>
    public void Attach(IReadOnlyList<PromptImage> images)
    {
        foreach (PromptImage image in images)
            desk.Plan(image);
        foreach (PromptImage image in images)
        {
            Show(image);
            desk.Pending.Add(image);
        }
    }

    /// <summary>Shows a picture or a video's first frame, and what it costs.</summary>
    /// <exception cref="TesseraException">It cannot be used.</exception>
    public void Show(PromptMedia media)
    {
        SlicePlan plan = desk.Plan(media);
        screen.Image(desk.RequireVision(), media.Frames[0]);
        string parts =
            plan.FrameCount > 0 ? $"{plan.FrameCount} {(plan.FrameCount == 1 ? "frame" : "frames")}"
            : plan.Slices.Count == 1 ? "1 slice"
            : $"{plan.Slices.Count} slices";
        screen.Say($"{Path.GetFileName(media.Name)}: {plan.Image}, {parts}, {plan.ImageTokenCount + plan.MemoryTokenCount} tokens");
    }

    /// <summary><c>/look</c></summary>
    public async Task LookAsync(string text)
    {
        VisionModel vision = desk.RequireVision();
        PromptMedia media = await ChooseAsync(text);
        SlicePlan plan = desk.Plan(media);
        screen.Image(vision, media.Frames[0], plan);
        using var table = new StringWriter();
        LookCommand.Print(table, LookDocument.Of(vision, plan));
        screen.Say(Path.GetFileName(media.Name));
        screen.Say(table.ToString().TrimEnd());
    }

    // The picture by its number in the conversation, by its path, or the newest one.
    private async Task<PromptMedia> ChooseAsync(string text)
    {
        PromptMedia[] all = [.. desk.Session.Turns.SelectMany(static turn => turn.Message.Media), .. desk.Pending];
        if (text.Length == 0)
            return all.Length > 0 ? all[^1] : throw new TesseraException("There is no picture yet: add one with /image PATH.");
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return await ImageInputs.ReadAsync(ImageInputs.IsAddress(text) ? text : TypedPath.Require(text), desk.AllowsLocal, default);
        return number >= 1 && number <= all.Length
            ? all[number - 1]
            : throw new TesseraException(
                all.Length == 0 ? "There is no picture yet." : $"There is no picture {number}: they are numbered from 1 to {all.Length}."
            );
    }
}
