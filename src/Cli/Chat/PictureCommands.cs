using System.Globalization;
using Tessera.Cli.Commands;

namespace Tessera.Cli.Chat;

/// <summary>The commands about pictures.</summary>
internal sealed class PictureCommands(ChatDesk desk, ChatScreen screen)
{
    /// <summary><c>/image</c></summary>
    public async Task AddAsync(string text)
    {
        if (text.Length == 0)
            throw new TesseraException("Name a picture's file: /image PATH.");
        LineWithPictures named = PicturePaths.OfThisMachine.Find(text);
        // With words that are no pictures, all of it is one name, whose failure is then told.
        IReadOnlyList<string> paths = named.Text.Length == 0 ? named.Paths : [TypedPath.Require(text)];
        foreach (string path in paths)
            await AttachAsync(path);
    }

    /// <summary>Puts a picture on the desk and shows it.</summary>
    /// <exception cref="ImageException">It cannot be used.</exception>
    public async Task AttachAsync(string path)
    {
        PromptImage image = await PromptImage.FromFileAsync(path);
        Show(image);
        desk.Pending.Add(image);
    }

    /// <summary>Shows a picture and what it costs.</summary>
    /// <exception cref="TesseraException">It cannot be used.</exception>
    public void Show(PromptImage image)
    {
        SlicePlan plan = desk.Plan(image);
        screen.Picture(desk.RequireVision(), image);
        string slices = plan.Slices.Count == 1 ? "1 slice" : $"{plan.Slices.Count} slices";
        screen.Say($"{Path.GetFileName(image.Name)}: {plan.Image}, {slices}, {plan.ImageTokenCount} tokens");
    }

    /// <summary><c>/look</c></summary>
    public async Task LookAsync(string text)
    {
        VisionModel vision = desk.RequireVision();
        PromptImage image = await ChooseAsync(text);
        SlicePlan plan = desk.Plan(image);
        screen.Picture(vision, image, plan);
        using var table = new StringWriter();
        LookCommand.Print(table, LookCommand.ToDocument(vision, plan));
        screen.Say(Path.GetFileName(image.Name));
        screen.Say(table.ToString().TrimEnd());
    }

    // The picture by its number in the conversation, by its path, or the newest one.
    private async Task<PromptImage> ChooseAsync(string text)
    {
        PromptImage[] all = [.. desk.Session.Turns.SelectMany(static turn => turn.Message.Images), .. desk.Pending];
        if (text.Length == 0)
            return all.Length > 0 ? all[^1] : throw new TesseraException("There is no picture yet: add one with /image PATH.");
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return await PromptImage.FromFileAsync(TypedPath.Require(text));
        return number >= 1 && number <= all.Length
            ? all[number - 1]
            : throw new TesseraException(
                all.Length == 0 ? "There is no picture yet." : $"There is no picture {number}: they are numbered from 1 to {all.Length}."
            );
    }
}
