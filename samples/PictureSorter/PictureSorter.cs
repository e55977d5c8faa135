using System.Text.Json;

namespace Tessera.Samples.PictureSorter;

/// <summary>Asks what is on a picture and moves it to the subfolder of that name.</summary>
internal sealed class PictureSorter : IAsyncDisposable
{
    // The answer can be nothing else, so a folder's name never comes from the model's free text.
    private static readonly AnswerFormat Format = AnswerFormat.FromSchema("""
        {
          "type": "object",
          "properties": { "shows": { "enum": ["circle", "square", "star", "heart", "diamond", "triangle", "word", "number", "other"] } },
          "required": ["shows"],
          "additionalProperties": false
        }
        """);

    private readonly MultimodalModel model;

    private PictureSorter(MultimodalModel model) => this.model = model;

    /// <summary>Loads the model.</summary>
    public static async Task<PictureSorter> StartAsync(SorterArguments arguments, CancellationToken cancellationToken)
    {
        (string modelPath, string? projectorPath) = ModelCatalog.Resolve(arguments.Model, arguments.Projector, needsVision: true);
        return new PictureSorter(await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = modelPath, ProjectorPath = projectorPath }, null, cancellationToken));
    }

    /// <summary>Moves one picture; returns a line that says where.</summary>
    public async Task<string> FileAsync(string path, CancellationToken cancellationToken)
    {
        string name = Path.GetFileName(path);
        string shows;
        try
        {
            var prompt = new Prompt("What shape is this?") { Images = [await PromptImage.FromFileAsync(path, cancellationToken)] };
            GenerationResult result = await model.AnswerAsync(prompt, new GenerationOptions { Temperature = 0, Format = Format }, null, cancellationToken);
            using JsonDocument answer = JsonDocument.Parse(result.Text);
            shows = answer.RootElement.GetProperty("shows").GetString()!;
        }
        catch (ImageException damaged)
        {
            return $"{name}: left where it is, {damaged.Message}";
        }

        string folder = Path.Combine(Path.GetDirectoryName(path)!, shows);
        Directory.CreateDirectory(folder);
        string target = Path.Combine(folder, name);
        if (File.Exists(target)) return $"{name}: left where it is, {shows} has one of that name.";
        File.Move(path, target);
        return $"{name} -> {shows}";
    }

    public ValueTask DisposeAsync() => model.DisposeAsync();
}
