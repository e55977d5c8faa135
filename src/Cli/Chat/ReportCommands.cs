using System.Globalization;

namespace Tessera.Cli.Chat;

/// <summary>The commands that show and set values.</summary>
internal sealed class ReportCommands(ChatDesk desk, ChatScreen screen)
{
    private static readonly char[] Separators = [' ', '\t', '\n', '='];

    /// <summary><c>/params</c></summary>
    public void Parameters(string text)
    {
        string[] words = text.Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        GenerationOptions changed = desk.Generation;
        for (int index = 0; index < words.Length; index += 2)
        {
            SamplingParameter parameter = Require(words[index]);
            changed =
                (index + 1 < words.Length ? parameter.Write(changed, words[index + 1]) : null)
                ?? throw new TesseraException($"{parameter.Name} must be {parameter.Range}.");
        }

        // All of them or none.
        desk.Generation = changed;
        IEnumerable<SamplingParameter> shown =
            words.Length == 0 ? SamplingParameter.All : words.Where(static (_, index) => index % 2 == 0).Select(Require);
        foreach (SamplingParameter parameter in shown)
            screen.SayPair($"{parameter.Name} {parameter.Read(changed)}", parameter.Range, 24);
    }

    /// <summary><c>/stats</c></summary>
    public void Statistics(string text)
    {
        GenerationResult last = desk.Last ?? throw new TesseraException("There is no answer yet.");
        GenerationTimings times = last.Timings;
        int pictureCount = desk.Session.Turns.Sum(static turn => turn.Message.Media.Count),
            generated = last.TokenIds.Count;
        int used = last.PromptTokenCount + generated;
        // The first token's time is the prefill's.
        double perSecond = times.DecodeMs > 0 ? (generated - 1) * 1000 / times.DecodeMs : 0;
        screen.SayPair("preprocess", Milliseconds(times.PreprocessMs), 14);
        screen.SayPair(
            "encode",
            $"{Milliseconds(times.EncodeMs)}, {last.CachedImageCount} of {MediaCount.Pictures(pictureCount)} from the cache",
            14
        );
        screen.SayPair(
            "prefill",
            $"{Milliseconds(times.PrefillMs)}, {last.ReusedTokenCount} of {last.PromptTokenCount} tokens from the cache",
            14
        );
        screen.SayPair("first token", Milliseconds(times.FirstTokenMs), 14);
        screen.SayPair(
            "decode",
            string.Create(CultureInfo.InvariantCulture, $"{Milliseconds(times.DecodeMs)}, {generated} tokens, {perSecond:0.0} per second"),
            14
        );
        screen.SayPair("context", $"{used} of {desk.Model.ContextLength} tokens, {last.ImageTokenCount} for pictures", 14);
    }

    private static SamplingParameter Require(string name)
    {
        string normal = name.Replace('_', '-').ToLowerInvariant();
        return SamplingParameter.All.FirstOrDefault(parameter => parameter.Name == normal)
            ?? throw new TesseraException(
                $"There is no parameter {name}"
                    + NearestName.Hint(normal, SamplingParameter.All.Select(static parameter => parameter.Name), "/params lists them")
            );
    }

    private static string Milliseconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.0} ms");
}
