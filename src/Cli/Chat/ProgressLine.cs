using System.Globalization;

namespace Tessera.Cli.Chat;

/// <summary>One line of the terminal that says how far the engine is, and is erased when it is done.</summary>
/// <param name="output">The terminal.</param>
/// <param name="width">Its columns now.</param>
internal sealed class ProgressLine(TextWriter output, Func<int> width) : IProgress<EngineProgress>
{
    private const int BarWidth = 20;
    private readonly Lock gate = new();
    private string shown = "";
    private bool isClosed;

    /// <summary>Slices of all pictures that are encoded.</summary>
    public int SliceCount { get; init; }

    public void Report(EngineProgress value)
    {
        string line = Describe(value);
        lock (gate)
        {
            if (isClosed || line == shown)
                return;
            shown = line;
            output.Write($"\r{line}\e[K");
            output.Flush();
        }
    }

    /// <summary>Erases the line; later reports are ignored.</summary>
    public void Close()
    {
        lock (gate)
        {
            if (!isClosed && shown.Length > 0)
                output.Write("\r\e[K");
            output.Flush();
            isClosed = true;
        }
    }

    private string Describe(EngineProgress value)
    {
        double fraction = Math.Clamp(value.Fraction, 0, 1);
        int filled = (int)Math.Round(fraction * BarWidth);
        string bar = new string('█', filled) + new string('░', BarWidth - filled);
        string slices =
            value.Stage == EngineStage.Encode && SliceCount > 1
                ? string.Create(CultureInfo.InvariantCulture, $"{(int)Math.Floor(fraction * SliceCount + 0.001)} of {SliceCount} slices")
                : string.Create(CultureInfo.InvariantCulture, $"{fraction * 100:0} %");
        // A line that wraps could not be erased.
        string line = $"{NameOf(value.Stage)} {bar} {slices}";
        int most = Math.Max(0, width() - 1);
        if (line.Length > most)
            line = $"{NameOf(value.Stage)} {slices}";
        return line.Length <= most ? line : line[..most];
    }

    private static string NameOf(EngineStage stage) =>
        stage switch
        {
            EngineStage.LoadModel => "Loading the language model",
            EngineStage.LoadProjector => "Loading the vision projector",
            EngineStage.Encode => "Encoding",
            _ => "Reading the prompt",
        };
}
