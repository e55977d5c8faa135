using System.Globalization;

namespace Tessera.Fuzz.Campaign;

/// <summary>What a campaign counted for one kind.</summary>
internal sealed class KindResult(string kind)
{
    public string Kind => kind;

    public long Accepted { get; set; }

    public long Refused { get; set; }

    public int Crashes { get; set; }

    public int Hangs { get; set; }

    public int OverMemory { get; set; }

    public long Undocumented { get; set; }

    public long PeakBytes { get; set; }

    public TimeSpan Time { get; set; }

    public long Inputs => Accepted + Refused + Undocumented + Crashes + Hangs + OverMemory;

    public long Findings => Undocumented + Crashes + Hangs + OverMemory;

    public static string Header => string.Create(CultureInfo.InvariantCulture,
        $"{"kind",-16}{"inputs",10}{"accepted",10}{"refused",10}{"crashes",9}{"hangs",7}{"over 1 GB",11}{"undocumented",14}{"per second",12}{"peak MB",9}");

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{kind,-16}{Inputs,10}{Accepted,10}{Refused,10}{Crashes,9}{Hangs,7}{OverMemory,11}{Undocumented,14}{Inputs / Math.Max(0.001, Time.TotalSeconds),12:0}{PeakBytes / 1_000_000,9}");
}
