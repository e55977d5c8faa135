// A desktop program without a window: a loop in the place of the UI thread draws a frame every 16 ms and counts those that come late,
// while a service loads a model with progress, streams an answer, cancels one and is disposed in the middle of a third.
// dotnet run --project samples/DesktopHost [-- PICTURE]   prints the frames and the longest time that a call kept the loop.
namespace Tessera.Samples.DesktopHost;

internal static class Program
{
    private static int Main(string[] args)
    {
        string picture = args.Length > 0 ? args[0] : Path.Combine("samples", "shapes.png");
        var loop = new UiLoop();
        try
        {
            loop.Run(() => new MainWindow(Console.Out).ShowAsync(picture));
        }
        catch (TesseraException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }

        Console.WriteLine(
            $"frames {loop.FrameCount}, late {loop.LateFrameCount}, blocked {loop.BlockedFrameCount}, longest call "
                + $"{loop.LongestCall.TotalMilliseconds:0.0} ms"
        );
        return 0;
    }
}
