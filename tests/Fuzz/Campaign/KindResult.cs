using System.Globalization;

namespace Tessera.Fuzz.Campaign;

/// <summary>What a campaign counted for one kind.</summary>
internal sealed class KindResult(string kind)
{
    private static readonly int[] Widths = [10, 10, 10, 9, 7, 11, 14, 10, 12, 9, 10];

    public string Kind => kind;

    public long Accepted { get; set; }

    public long Refused { get; set; }

    public int Crashes { get; set; }

    public int Hangs { get; set; }

    public int OverMemory { get; set; }

    public long Undocumented { get; set; }

    /// <summary>Inputs that end a process, but in the program only one that tries them first.</summary>
    public int Tried { get; set; }

    public long PeakBytes { get; set; }

    /// <summary>The input with which it was so large.</summary>
    public long PeakIndex { get; set; }

    public TimeSpan Time { get; set; }

    public long Inputs => Accepted + Refused + Tried + Undocumented + Crashes + Hangs + OverMemory;

    public long Findings => Undocumented + Crashes + Hangs + OverMemory;

    public static string Header =>
        Row(
            "kind",
            "inputs",
            "accepted",
            "refused",
            "crashes",
            "hangs",
            "over 1 GB",
            "undocumented",
            "in trial",
            "per second",
            "peak MB",
            "at input"
        );

    public override string ToString() =>
        Row(
            kind,
            Inputs,
            Accepted,
            Refused,
            Crashes,
            Hangs,
            OverMemory,
            Undocumented,
            Tried,
            Inputs / Math.Max(1, (long)Time.TotalSeconds),
            PeakBytes / 1_000_000,
            PeakIndex
        );

    private static string Row(string name, params object[] columns) =>
        name.PadRight(16) + string.Concat(columns.Select(static (column, index) => Text(column).PadLeft(Widths[index])));

    private static string Text(object column) => Convert.ToString(column, CultureInfo.InvariantCulture)!;
}
