using Tessera.Cli.Chat.Desktop;

namespace Tessera.Cli.Chat;

/// <summary>The commands that take pictures from the desktop around the terminal.</summary>
internal sealed class DesktopCommands(ImageCommands pictures, Interrupts interrupts)
{
    /// <summary><c>/paste</c></summary>
    public Task PasteAsync(string text) =>
        interrupts.RunAsync(async token =>
        {
            string pasted = await PasteAsync(token);
            if (pasted.Length > 0)
                throw new TesseraException("The clipboard holds text, and no picture.");
        });

    /// <summary><c>/screenshot</c></summary>
    public Task TakeScreenshotAsync(string text) =>
        interrupts.RunAsync(async token => pictures.Attach([await Screenshot.TakeAsync(token)]));

    /// <summary>Adds the clipboard's picture, or the pictures whose files were copied.</summary>
    /// <returns>The text that it holds in their place; "" for none.</returns>
    /// <exception cref="TesseraException">It holds nothing, or cannot be read.</exception>
    public async Task<string> PasteAsync(CancellationToken cancellationToken)
    {
        ClipboardContents contents = await Clipboard.ReadAsync(cancellationToken);
        if (contents.Picture is { Length: > 0 } picture)
            pictures.Attach([new PromptImage(picture, "clipboard")]);
        else if (contents.Files.Count > 0)
            await pictures.AttachAsync(contents.Files);
        else if (contents.Text.Length == 0)
            throw new TesseraException("The clipboard holds no picture.");
        return contents.Text;
    }
}
