// Watches a folder and files each picture in a subfolder by what is on it; the answer is held to a fixed list by an enum in a schema.
// dotnet run --project samples/PictureSorter -- FOLDER   sorts what is there and waits for more; --once stops when all is sorted.
// It uses the small model that comes with Tessera, which knows drawn shapes; --model and --mmproj give a real one.
using Tessera.Samples.PictureSorter;

SorterArguments? arguments = SorterArguments.Parse(args);
if (arguments is null)
{
    Console.Error.WriteLine("Usage: PictureSorter FOLDER [--once] [--model FILE] [--mmproj FILE]");
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
    await using PictureSorter sorter = await PictureSorter.StartAsync(arguments, stop.Token);
    await foreach (string picture in new FolderWatch(arguments.Folder, arguments.IsOnce).PicturesAsync(stop.Token))
        Console.WriteLine(await sorter.FileAsync(picture, stop.Token));
    return 0;
}
catch (Exception failure) when (failure is Tessera.TesseraException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}
catch (OperationCanceledException)
{
    return 130;
}
