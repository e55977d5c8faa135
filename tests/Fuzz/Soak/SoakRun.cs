using System.Diagnostics;
using System.Globalization;
using Tessera.Fuzz.Campaign;
using Tessera.Fuzz.Kinds;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Soak;

/// <summary>
/// Chats, forks, cancelled and repeated answers, saved and loaded chats, and disposals, several at once for as long as one likes. At
/// temperature 0 every answer is the one that it was alone, and memory stays as it was after a while.
/// </summary>
internal sealed class SoakRun : IDisposable
{
    private const int ScriptCount = 24;
    private const int MostShown = 20;
    private const long Tolerance = 64L << 20;

    // A model lives this long; then it is disposed with answers running.
    private static readonly TimeSpan ModelLife = TimeSpan.FromSeconds(20);
    private readonly FastFolder folder = new();
    private readonly int seed,
        atOnce;
    private SoakScript[] scripts = [];
    private int comparisons,
        cancellations,
        disposals,
        failures;
    private long files;

    private SoakRun(int seed, int atOnce) => (this.seed, this.atOnce) = (seed, atOnce);

    public static async Task<int> RunAsync(double minutes, int seed, int atOnce, CancellationToken cancellationToken)
    {
        using var run = new SoakRun(seed, atOnce);
        return await run.RunAsync(TimeSpan.FromMinutes(minutes), cancellationToken);
    }

    public void Dispose() => folder.Dispose();

    private async Task<int> RunAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        PromptImage[] pictures =
        [
            ModelFile.Sample("heart"),
            ModelFile.Sample("shapes"),
            ModelFile.Sample("word"),
            ModelFile.Sample("count"),
        ];
        using (MultimodalModel alone = LoadTrained())
        {
            var answered = new List<SoakScript>();
            foreach (SoakScript script in SoakScript.Make(ScriptCount, pictures))
                answered.Add(await script.AnsweredAsync(alone));
            scripts = [.. answered];
        }

        var clock = Stopwatch.StartNew();
        long settled = 0;
        for (int life = 0; clock.Elapsed < time && !cancellationToken.IsCancellationRequested; life++)
        {
            TimeSpan rest = time - clock.Elapsed;
            await LiveAsync(life, rest < ModelLife ? rest : ModelLife, cancellationToken);
            long bytes = MemoryInUse();
            // What grows at first are caches that have a bound, and the runtime's own.
            if (clock.Elapsed < time / 3 || settled == 0)
                settled = bytes;
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{clock.Elapsed:hh\\:mm\\:ss}  {comparisons} answers compared, {bytes >> 20} MB"
                )
            );
        }

        long last = MemoryInUse();
        bool isFlat = last < settled + Tolerance;
        Console.WriteLine($"{comparisons} answers compared, {failures} differ or fail");
        Console.WriteLine($"{cancellations} answers cancelled, {disposals} models disposed while they answered");
        string change = isFlat ? "flat" : "it grows";
        Console.WriteLine($"memory {settled >> 20} MB after a third of the time, {last >> 20} MB at the end: {change}");
        return failures == 0 && isFlat ? 0 : 1;
    }

    private async Task LiveAsync(int life, TimeSpan time, CancellationToken cancellationToken)
    {
        MultimodalModel model = LoadTrained();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        end.CancelAfter(time);
        Task[] users =
        [
            .. Enumerable
                .Range(0, atOnce)
                .Select(user =>
                    Task.Run(() => UseAsync(model, new Random(HashCode.Combine(seed, life, user)), end.Token), CancellationToken.None)
                ),
        ];
        // Disposed under those that are answering.
        await Task.Delay(time, CancellationToken.None);
        Interlocked.Increment(ref disposals);
        await model.DisposeAsync();
        await Task.WhenAll(users);
    }

    private async Task UseAsync(MultimodalModel model, Random random, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await HoldAsync(model, random.Pick(scripts), random);
            }
            catch (ObjectDisposedException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                if (cancellationToken.IsCancellationRequested && failure is OperationCanceledException)
                    return;
                Interlocked.Increment(ref failures);
                Console.WriteLine($"{failure.GetType().Name}: {failure}");
            }
        }
    }

    private async Task HoldAsync(MultimodalModel model, SoakScript script, Random random)
    {
        ChatSession chat = script.Start(model);
        try
        {
            for (int turn = 0; turn < script.Messages.Count; turn++)
            {
                UserMessage message = script.Messages[turn];
                if (random.OneIn(4) && !await IsCancelledAsync(chat, script, turn, random))
                    continue;
                if (random.OneIn(5))
                    await ForkAsync(chat, script, turn);
                if (random.OneIn(6))
                    chat = await ReloadAsync(model, chat);
                Compare(script.Answers[turn], await SoakScript.AskAsync(chat, message), "answered");
                if (random.OneIn(6))
                    await RepeatAsync(chat, script.Answers[turn]);
            }
        }
        finally
        {
            chat.Dispose();
        }
    }

    // False if the answer was faster than its cancellation, and counts.
    private async Task<bool> IsCancelledAsync(ChatSession chat, SoakScript script, int turn, Random random)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(random.Next(12)));
        try
        {
            Compare(script.Answers[turn], await SoakScript.AskAsync(chat, script.Messages[turn], stop.Token), "answered");
            return false;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Interlocked.Increment(ref cancellations);
            return true;
        }
    }

    private async Task ForkAsync(ChatSession chat, SoakScript script, int turn)
    {
        using ChatSession fork = chat.Fork();
        Compare(script.Answers[turn], await SoakScript.AskAsync(fork, script.Messages[turn]), "answered in a fork");
    }

    private async Task RepeatAsync(ChatSession chat, string expected)
    {
        string text = "";
        var options = new GenerationOptions
        {
            MaxTokens = SoakScript.AnswerLength,
            Temperature = 0,
            Seed = 1,
        };
        await foreach (GenerationUpdate update in chat.RegenerateAsync(options))
            text += update.Text;
        Compare(expected, text, "answered again");
    }

    private async Task<ChatSession> ReloadAsync(MultimodalModel model, ChatSession chat)
    {
        string file = folder.File(string.Create(CultureInfo.InvariantCulture, $"{Interlocked.Increment(ref files)}.chat"));
        await chat.SaveAsync(file);
        ChatSession loaded = await model.LoadChatAsync(file);
        File.Delete(file);
        chat.Dispose();
        return loaded;
    }

    private void Compare(string expected, string text, string how)
    {
        Interlocked.Increment(ref comparisons);
        if (text == expected)
            return;
        Interlocked.Increment(ref failures);
        if (failures <= MostShown)
            Console.WriteLine($"'{text}' was {how}, but alone it was '{expected}'.");
    }

    // One that was trained: where it says one thing rather than another, that does not hang on the last bits of a sum, which differ with
    // what is decoded together.
    private static MultimodalModel LoadTrained()
    {
        (string model, string? projector) = ModelCatalog.Resolve(ModelCatalog.EmbeddedName, null, needsVision: true);
        var options = new ModelOptions
        {
            ModelPath = model,
            ProjectorPath = projector,
            ThreadCount = 1,
            ContextLength = 2048,
        };
        return MultimodalModel.LoadAsync(options).GetAwaiter().GetResult();
    }

    private static long MemoryInUse()
    {
        GC.Collect();
        using Process self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
