using System.Text.Json;

namespace Tessera.Samples.PictureSorter;

/// <summary>Asks what is on a picture and moves it to the subfolder of that name.</summary>
internal sealed class PictureSorter : IAsyncDisposable
{
    // The answer can be nothing else, so a folder's name never comes from the model's free text. The choices are in the words that
    // the model would use by itself: those it weighs best. A real model deserves one more,
    // "Something else".
    private static readonly AnswerFormat Format = AnswerFormat.FromSchema(
        """
        {
          "type": "object",
          "properties": { "shape": { "enum": ["A circle", "A square", "A triangle", "A star", "A heart", "A diamond", "A ring", "A cross"] } },
          "required": ["shape"],
          "additionalProperties": false
        }
        """
    );

    private readonly MultimodalModel model;

    private PictureSorter(MultimodalModel model) => this.model = model;

    /// <summary>Loads the model.</summary>
    public static async Task<PictureSorter> StartAsync(SorterArguments arguments, CancellationToken cancellationToken)
    {
        (string modelPath, string? projectorPath) = ModelCatalog.Resolve(arguments.Model, arguments.Projector, needsVision: true);
        return new PictureSorter(
            await MultimodalModel.LoadAsync(
                new ModelOptions { ModelPath = modelPath, ProjectorPath = projectorPath },
                null,
                cancellationToken
            )
        );
    }

    /// <summary>Moves one picture; returns a line that says where.</summary>
    public async Task<string> FileAsync(string path, CancellationToken cancellationToken)
    {
        string name = Path.GetFileName(path);
        string shape;
        try
        {
            var prompt = new Prompt("What shape is this?") { Images = [await PromptImage.FromFileAsync(path, cancellationToken)] };
            GenerationResult result = await model.AnswerAsync(
                prompt,
                new GenerationOptions { Temperature = 0, Format = Format },
                null,
                cancellationToken
            );
            using JsonDocument answer = JsonDocument.Parse(result.Text);
            shape = answer.RootElement.GetProperty("shape").GetString()!;
        }
        catch (ImageException damaged)
        {
            return $"{name}: left where it is, {damaged.Message}";
        }

        string folder = Path.Combine(Path.GetDirectoryName(path)!, shape[(shape.IndexOf(' ') + 1)..]);
        Directory.CreateDirectory(folder);
        string target = Path.Combine(folder, name);
        if (File.Exists(target))
            return $"{name}: left where it is, {folder} has one of that name.";
        File.Move(path, target);
        return $"{name} -> {Path.GetFileName(folder)}";
    }

    public ValueTask DisposeAsync() => model.DisposeAsync();
}
