using System.Globalization;
using Tessera.Fuzz.Kinds;

namespace Tessera.Fuzz.Campaign;

/// <summary>The child's side: tries one input after another and says which one it is at.</summary>
internal static class Worker
{
    // A message is one sentence, and a person must be able to read it.
    private const int LongestMessage = 2_000;
    private const long CollectAbove = 250L << 20;

    /// <summary>Tries the inputs of a seed from a first number until the parent says stop.</summary>
    public static async Task<int> RunAsync(string kindName, int seed, long first, long end, string progressPath, string folder)
    {
        using var progress = new ProgressFile(progressPath);
        using FuzzKind kind = FuzzKinds.Create(kindName, folder);
        for (long index = first; index < end && !progress.IsStopped; index++)
        {
            byte[] input = kind.Make(RandomOf(kindName, seed, index));
            progress.Begin(index, input);
            if (await TryAsync(kind, input, progress) is string problem)
            {
                await File.WriteAllBytesAsync(FileOf(folder, index), input);
                Tell(index, problem);
            }

            progress.Begin(ProgressFile.Nothing, []);
            // Under a limit the collector waits longer than the parent would.
            if (GC.GetTotalMemory(forceFullCollection: false) > CollectAbove)
                GC.Collect();
        }

        return 0;
    }

    /// <summary>Tries one input that was saved, as the program would.</summary>
    public static async Task<int> ReplayAsync(string kindName, string file, string progressPath, string folder)
    {
        using var progress = new ProgressFile(progressPath);
        using FuzzKind kind = FuzzKinds.Create(kindName, folder);
        kind.UsesTrial = true;
        byte[] input = await File.ReadAllBytesAsync(file);
        progress.Begin(0, input);
        if (await TryAsync(kind, input, progress) is string problem)
            Tell(0, problem);
        return 0;
    }

    /// <summary>Where the child leaves an input that met an exception which is not documented.</summary>
    public static string FileOf(string folder, long index) =>
        Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{index}.found"));

    /// <summary>The random numbers of an input, the same on every machine.</summary>
    public static Random RandomOf(string kind, int seed, long index)
    {
        ulong mixed = (ulong)seed * 0x9E37_79B9_7F4A_7C15 + (ulong)index;
        foreach (char letter in kind)
            mixed = (mixed ^ letter) * 0x0000_0100_0000_01B3;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        return new Random((int)((mixed ^ (mixed >> 31)) & int.MaxValue));
    }

    private static async Task<string?> TryAsync(FuzzKind kind, byte[] input, ProgressFile progress)
    {
        try
        {
            if (await kind.TryAsync(input))
                progress.CountAccepted();
            else
                progress.CountRefused();
            return null;
        }
        catch (TesseraException refusal) when (IsSentence(refusal.Message))
        {
            progress.CountRefused();
            return null;
        }
        catch (Exception failure)
        {
            progress.CountUndocumented();
            string said =
                failure is TesseraException ? $"with a message of {failure.Message.Length} characters" : Shortened(failure.Message);
            return $"{failure.GetType().Name} {said} {Place(failure)}";
        }
    }

    private static bool IsSentence(string message) =>
        message.Length is > 0 and <= LongestMessage && !message.Contains("   at ", StringComparison.Ordinal);

    // The innermost line of ours tells findings apart.
    private static string Place(Exception failure) =>
        (failure.StackTrace ?? "")
            .Split('\n')
            .Select(static line => line.Trim())
            .FirstOrDefault(static line => line.StartsWith("at Tessera.", StringComparison.Ordinal))
        ?? "";

    private static string Shortened(string message) => (message.Length > 300 ? message[..300] + "..." : message).ReplaceLineEndings(" ");

    private static void Tell(long index, string problem)
    {
        Console.Out.WriteLine($"found\t{index}\t{problem}");
        Console.Out.Flush();
    }
}
