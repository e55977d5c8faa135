using System.Globalization;
using Tessera.Cli.Output;

namespace Tessera.Cli.Bench;

/// <summary>Prints measurements as a table, beside earlier ones if there are any.</summary>
internal static class BenchTable
{
    public static void Print(CliConsole console, BenchDocument document, BenchDocument? before)
    {
        console.WriteRow($"model    {Path.GetFileName(document.Model)} with {Path.GetFileName(document.Projector)}");
        console.WriteRow($"device   {document.Device}, {Threads(document.Threads)}");
        console.WriteRow($"kernels  {(document.Kernels is { Count: > 0 } kernels ? string.Join("; ", kernels) : "ggml's")}");
        console.WriteRow($"picture  {document.Picture}: {document.Slices} slices, {document.ImageTokens} tokens");
        console.Out.WriteLine();
        int width = document.Rows.Max(static row => row.What.Length),
            unitWidth = document.Rows.Max(static row => row.Unit.Length);
        foreach (BenchRow row in document.Rows)
        {
            BenchRow? earlier = before?.Rows.FirstOrDefault(other => other.What == row.What && other.Unit == row.Unit);
            string comparison = earlier is null
                ? ""
                : $"   before {Number(earlier.Median)}, {(row.Median / earlier.Median).ToString("0.00", CultureInfo.InvariantCulture)}x";
            console.WriteRow(
                $"{row.What.PadRight(width)}  {Number(row.Median), 10} {row.Unit.PadRight(unitWidth)}  {Number(row.Least)} to "
                    + $"{Number(row.Most)}{comparison}"
            );
        }
    }

    private static string Threads(int count) => count > 0 ? $"{count} threads" : "as many threads as pay";

    private static string Number(double value) =>
        value.ToString(
            value < 10 ? "0.00"
                : value < 1000 ? "0.0"
                : "#,0",
            CultureInfo.InvariantCulture
        );
}
