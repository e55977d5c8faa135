// Asks about a picture and streams the answer:  dotnet run --project samples/Ask -- samples/shapes.png "What is in this picture?"
// It uses the small model that comes with Tessera; give the two files of a real one as third and fourth argument. Ctrl+C stops it.
using Tessera;

if (args.Length is < 1 or > 4)
{
    Console.Error.WriteLine("Usage: Ask PICTURE [QUESTION] [MODEL.gguf] [MMPROJ.gguf]");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

try
{
    (string modelPath, string? projectorPath) = ModelCatalog.Resolve(
        args.ElementAtOrDefault(2),
        args.ElementAtOrDefault(3),
        needsVision: true
    );
    var files = new ModelOptions { ModelPath = modelPath, ProjectorPath = projectorPath };
    await using MultimodalModel model = await MultimodalModel.LoadAsync(files, cancellationToken: stop.Token);

    PromptImage image = await PromptImage.FromFileAsync(args[0], stop.Token);
    var prompt = new Prompt(args.ElementAtOrDefault(1) ?? "What is in this picture?") { Images = [image] };
    var greedy = new GenerationOptions { Temperature = 0 };
    await foreach (GenerationUpdate update in model.AnswerStreamingAsync(prompt, greedy, null, stop.Token))
        Console.Write(update.Text);
    Console.WriteLine();
    return 0;
}
catch (Exception failure) when (failure is TesseraException or OperationCanceledException)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}
