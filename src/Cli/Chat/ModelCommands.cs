using Tessera.Cli.Arguments;

namespace Tessera.Cli.Chat;

/// <summary>The commands about the model and the form of its answers.</summary>
internal sealed class ModelCommands(ChatDesk desk, ChatScreen screen, Interrupts interrupts)
{
    private string? schema;

    /// <summary><c>/model</c></summary>
    public Task ModelAsync(string text) =>
        text.Length == 0
            ? Task.Run(() => screen.Say(Describe(desk)))
            : interrupts.RunAsync(async token =>
            {
                string name = File.Exists(text) ? text : TypedPath.Require(text);
                (string model, string? projector) = ModelCatalog.Resolve(name, null, needsVision: true);
                screen.Blame(projector is null ? model : $"{model} or {projector}");
                ModelOptions files = desk.Files with
                {
                    ModelPath = model,
                    ProjectorPath = projector,
                    Vision = null,
                    VideoFrameCount = 0,
                    ChatTemplate = null,
                    Adapters = [],
                    Trial = ModelCatalog.ComesWithTessera(model) ? null : screen.Trial,
                };
                MultimodalModel loaded = await screen.LoadAsync(files, token);
                desk.Replace(loaded, files);
                screen.NoteLoaded(loaded, files);
                screen.Say($"{Describe(desk)} The conversation is empty.");
            });

    /// <summary>The model, its context and where it runs, in a sentence.</summary>
    public static string Describe(ChatDesk desk)
    {
        MultimodalModel model = desk.Model;
        string family = model.Vision is { } vision ? $", {vision.Family}" : ", without a vision projector";
        return $"{Path.GetFileName(model.Path)}{family}: {model.ContextLength} tokens of context, on {DeviceOf(desk.Files)}.";
    }

    /// <summary><c>/schema</c></summary>
    public Task SchemaAsync(string text) =>
        interrupts.RunAsync(async token =>
        {
            if (text is "off" or "none")
            {
                (desk.Generation, schema) = (desk.Generation with { Format = null }, null);
            }
            else if (text.Length > 0)
            {
                string path = TypedPath.Require(text);
                AnswerFormat format = await FormatArguments.ReadAsync(path, isSchema: true, "/schema", token);
                (desk.Generation, schema) = (desk.Generation with { Format = format, BeamCount = 1 }, path);
            }

            screen.Say(
                schema is null ? "Answers are free: /schema FILE makes them JSON." : $"Answers follow {schema}; /schema off frees them."
            );
        });

    private static string DeviceOf(ModelOptions files)
    {
        DeviceDescription? gpu = Devices.List().FirstOrDefault(static device => device.Kind == DeviceKind.Gpu);
        return gpu is null || files.GpuLayerCount == 0 ? "the CPU" : gpu.Description;
    }
}
