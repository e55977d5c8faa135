using Tessera.Engine.NativeTests.Goldens;
using Tessera.Vision.Encoding;

namespace Tessera.Engine.NativeTests;

/// <summary>Pictures of several answers on their way through one encoder.</summary>
public sealed class MediaEncoderTests : IDisposable
{
    private static readonly GoldenCase Golden = GoldenCase.Find("llava-1.5");
    private readonly VisionModel vision = VisionModel.Open(Golden.Projector);

    public MediaEncoderTests() => vision.LoadWeights();

    public void Dispose() => vision.Dispose();

    [Fact]
    public async Task Answers_that_ask_at_once_get_what_they_would_alone()
    {
        MediaEncoder encoder = NewEncoder();
        PlannedMedia[] pictures = [.. Names.Select(name => Planned(Golden.Image(name)))];
        IReadOnlyList<MediaEmbeddings>[] all = await Task.WhenAll(
                Enumerable
                    .Range(0, 12)
                    .Select(answer =>
                        encoder.EncodeAsync(
                            [pictures[answer % pictures.Length], pictures[(answer + 1) % pictures.Length]],
                            null,
                            CancellationToken.None
                        )
                    )
            )
            .WaitAsync(Patience.Limit);
        for (int answer = 0; answer < all.Length; answer++)
        {
            Assert.Equal(Alone(pictures[answer % pictures.Length]), all[answer][0].Values.ToArray());
            Assert.Equal(Alone(pictures[(answer + 1) % pictures.Length]), all[answer][1].Values.ToArray());
        }
    }

    [Fact]
    public async Task A_picture_that_several_wait_for_is_encoded_once_and_one_may_leave()
    {
        MediaEncoder encoder = NewEncoder();
        PlannedMedia picture = Planned(Golden.Image("page"));
        using var stop = new CancellationTokenSource();
        Task<IReadOnlyList<MediaEmbeddings>> leaves;
        Task<IReadOnlyList<MediaEmbeddings>>[] stay;
        using (new ProcessorHold())
        {
            leaves = encoder.EncodeAsync([picture], null, stop.Token);
            stay = [.. Enumerable.Range(0, 3).Select(_ => encoder.EncodeAsync([picture], null, CancellationToken.None))];
            await stop.CancelAsync();
        }

        IReadOnlyList<MediaEmbeddings>[] got = await Task.WhenAll(stay).WaitAsync(Patience.Limit);
        Assert.Single(got.Select(static embeddings => embeddings[0].EncodeMs).Where(static ms => ms > 0).Distinct());
        await Task.WhenAny(leaves).WaitAsync(Patience.Limit);
        Assert.True((await encoder.EncodeAsync([picture], null, CancellationToken.None))[0].IsCached);
    }

    [Fact]
    public async Task A_damaged_picture_fails_its_own_answer_only()
    {
        MediaEncoder encoder = NewEncoder();
        PromptImage whole = Golden.Image("page");
        var damaged = new PromptImage(whole.Data[..(whole.Data.Length / 3)], "cut.png");
        PlannedMedia good = Planned(whole),
            bad = Planned(damaged);
        Task<IReadOnlyList<MediaEmbeddings>> failing = encoder.EncodeAsync([good, bad], null, CancellationToken.None),
            working = encoder.EncodeAsync([good], null, CancellationToken.None);
        ImageException failure = await Assert.ThrowsAsync<ImageException>(() => failing.WaitAsync(Patience.Limit));
        Assert.Contains("cut.png", failure.Message, StringComparison.Ordinal);
        Assert.Equal(Alone(good), (await working.WaitAsync(Patience.Limit))[0].Values.ToArray());
    }

    [Fact]
    public async Task What_nobody_waits_for_any_more_can_be_asked_for_again()
    {
        MediaEncoder encoder = NewEncoder();
        PlannedMedia picture = Planned(Golden.Image("page"));
        for (int round = 0; round < 20; round++)
        {
            using var stop = new CancellationTokenSource();
            Task<IReadOnlyList<MediaEmbeddings>> given = encoder.EncodeAsync([picture], null, stop.Token);
            await stop.CancelAsync();
            await Task.WhenAny(given).WaitAsync(Patience.Limit);
        }

        Assert.Equal(
            Alone(picture),
            (await encoder.EncodeAsync([picture], null, CancellationToken.None).WaitAsync(Patience.Limit))[0].Values.ToArray()
        );
    }

    [Fact]
    public async Task Progress_ends_with_all_pictures()
    {
        var told = new List<double>();
        PlannedMedia[] pictures = [.. Names.Select(name => Planned(Golden.Image(name)))];
        await NewEncoder().EncodeAsync(pictures, new Told(told), CancellationToken.None).WaitAsync(Patience.Limit);
        Assert.Equal(told.Order(), told);
        Assert.Equal(0, told[0]);
        Assert.Equal(1, told[^1], 9);
    }

    private static string[] Names => [.. Golden.Pictures.Select(static picture => picture.Name).Take(3)];

    private MediaEncoder NewEncoder() => new(vision.Projector, new EmbeddingCache(1 << 20, null));

    private PlannedMedia Planned(PromptImage image) => vision.Projector.Plan(image, PlanRequest.Default);

    private float[] Alone(PlannedMedia picture) => vision.Encode(picture.Media).Embeddings.ToArray();

    private sealed class Told(List<double> values) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) => values.Add(value.Fraction);
    }
}
