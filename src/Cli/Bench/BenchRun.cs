using System.Diagnostics;
using Tessera.Cli.Output;

namespace Tessera.Cli.Bench;

/// <summary>Loads a model and answers about fresh copies of a picture, then asks once more about each.</summary>
internal sealed class BenchRun(ModelOptions files, BenchImages pictures, PlanRequest limits, int maxTokens, int sessions)
{
    private readonly GenerationOptions options = new() { Temperature = 0, MaxTokens = maxTokens };
    private readonly OrderedDictionary<(string What, string Unit), List<double>> samples = [];

    public async Task<BenchDocument> MeasureAsync(
        int warmUps,
        int repeats,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        SlicePlan plan = await MeasureAnswersAsync(warmUps, repeats, progress, cancellationToken);
        if (sessions > 0)
        {
            var together = new BenchSessions(files, sessions, maxTokens, Add);
            await together.MeasureDecodingAsync(repeats, cancellationToken);
            await together.MeasureDiskCacheAsync(pictures.Copy(0), limits, cancellationToken);
        }

        return new BenchDocument(
            files.ModelPath,
            files.ProjectorPath!,
            string.Join(", ", Devices.List().Select(static device => device.Description)),
            Devices.KernelsUsed(),
            pictures.Name,
            plan.Slices.Count,
            plan.ImageTokenCount,
            files.ThreadCount,
            [.. samples.Select(static sample => Row(sample.Key.What, sample.Key.Unit, sample.Value))]
        );
    }

    private async Task<SlicePlan> MeasureAnswersAsync(
        int warmUps,
        int repeats,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        long started = Stopwatch.GetTimestamp();
        using MultimodalModel model = await MultimodalModel.LoadAsync(files, progress, cancellationToken);
        Add("load", "ms", Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        PromptImage first = pictures.Copy(0);
        SlicePlan plan = model.Vision!.Plan(model.Vision.ReadSize(first), limits);
        for (int round = 0; round < warmUps + repeats; round++)
        {
            progress?.Report(new EngineProgress(EngineStage.Encode, (double)round / (warmUps + repeats)));
            await AskTwiceAsync(model, pictures.Copy(round + 1), plan, counts: round >= warmUps, cancellationToken);
        }

        using var process = Process.GetCurrentProcess();
        Add("peak memory", "MB", process.PeakWorkingSet64 / 1e6);
        return plan;
    }

    private async Task AskTwiceAsync(
        MultimodalModel model,
        PromptImage picture,
        SlicePlan plan,
        bool counts,
        CancellationToken cancellationToken
    )
    {
        // Without a system sentence, so that the picture is what is measured.
        using ChatSession chat = model.StartChat(new ChatSessionOptions { System = "" });
        GenerationResult first = await LastAsync(
            chat.SendStreamingAsync(
                new UserMessage("Describe the picture.") { Images = [picture], Limits = limits },
                options,
                null,
                cancellationToken
            )
        );
        GenerationResult second = await LastAsync(
            chat.SendStreamingAsync(new UserMessage("And what else?"), options, null, cancellationToken)
        );
        if (!counts)
            return;
        Add("preprocess", "ms", first.Timings.PreprocessMs);
        Add("encode", "ms", first.Timings.EncodeMs);
        Add("encode, each slice", "ms", first.Timings.EncodeMs / plan.Slices.Count);
        Add("prefill", "ms", first.Timings.PrefillMs);
        Add("prefill", "tokens/s", (first.PromptTokenCount - first.ReusedTokenCount) / first.Timings.PrefillMs * 1000);
        Add("first token", "ms", first.Timings.FirstTokenMs);
        Add("first token, second question", "ms", second.Timings.FirstTokenMs);
        Add("prefill, second question", "tokens", second.PromptTokenCount - second.ReusedTokenCount);
        Add("second question to first", "%", 100 * second.Timings.FirstTokenMs / first.Timings.FirstTokenMs);
        if (first.TokenIds.Count > 1)
            Add("decode", "tokens/s", (first.TokenIds.Count - 1) / first.Timings.DecodeMs * 1000);
    }

    /// <summary>The result that an answer ends with.</summary>
    public static async Task<GenerationResult> LastAsync(IAsyncEnumerable<GenerationUpdate> updates)
    {
        GenerationResult? result = null;
        await foreach (GenerationUpdate update in updates)
            result = update.Result ?? result;
        return result ?? throw new InvalidOperationException("The answer has no end.");
    }

    private void Add(string what, string unit, double value)
    {
        if (!samples.TryGetValue((what, unit), out List<double>? values))
            samples.Add((what, unit), values = []);
        values.Add(value);
    }

    private static BenchRow Row(string what, string unit, List<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new BenchRow(what, unit, CliJson.Milliseconds(median), CliJson.Milliseconds(sorted[0]), CliJson.Milliseconds(sorted[^1]));
    }
}
