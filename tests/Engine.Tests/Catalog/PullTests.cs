using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Tessera.Catalog;

namespace Tessera.Engine.Tests.Catalog;

/// <summary>Pulls from a server on this machine that breaks, stalls, lies, changes the Whole, redirects and limits the rate.</summary>
public sealed class PullTests : IDisposable
{
    private const string Name = "model.gguf";
    private static readonly byte[] Whole = RandomNumberGenerator.GetBytes((2 * (int)DownloadState.PieceLength) + 12_345);
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-pull").FullName;
    private readonly PullOptions quick = new() { StallLimit = Patience.Limit, Token = "secret" };

    private readonly StallClock clock = new();

    private string Target => Path.Combine(folder, Name);

    private static string Digest { get; } = Convert.ToHexStringLower(SHA256.HashData(Whole));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_file_comes_in_ranges_and_whole()
    {
        using var server = new FaultyServer(_ => new Serving(Whole));
        await PullAsync(server, Digest);
        Assert.True(server.Requests.Count(static request => request.Last > 0) >= 3);
        Assert.Equal([Target], Directory.GetFiles(folder));
    }

    [Fact]
    public async Task A_server_without_ranges_will_do()
    {
        using var server = new FaultyServer(_ => new Serving(Whole) { KnowsRanges = false });
        await PullAsync(server, Digest);
    }

    [Fact]
    public async Task Connections_that_break_are_made_anew_where_they_were()
    {
        int asked = 0;
        using var server = new FaultyServer(_ => new Serving(Whole)
        {
            CutAfter = Interlocked.Increment(ref asked) % 2 == 0 ? 300_000 : 5_000_000,
        });
        await PullAsync(server, Digest);
        Assert.DoesNotContain(server.Requests.Skip(1).GroupBy(static request => request.First), static group => group.Count() > 2);
    }

    [Fact]
    public async Task Connections_that_stall_are_given_up()
    {
        int asked = 0;
        using var server = new FaultyServer(_ => new Serving(Whole)
        {
            StallAfter = Interlocked.Increment(ref asked) is 2 or 4 ? 100_000 : int.MaxValue,
        });
        Task pulled = PullAsync([new Uri(server.Address, Name)], Digest, quick with { ConnectionCount = 1 });
        for (int stall = 0; stall < 2; stall++)
        {
            await server.Stalled.WaitAsync(Patience.Limit);
            int before = clock.Expired;
            await Patience.UntilAsync(
                () =>
                {
                    clock.Advance(quick.StallLimit);
                    return clock.Expired > before;
                },
                "the end of its patience"
            );
        }

        await pulled;
        Assert.Equal(3 + 1 + 2, server.Requests.Count);
    }

    [Fact]
    public async Task A_server_that_says_nothing_any_more_is_one_sentence()
    {
        using var server = new FaultyServer(_ => new Serving(Whole) { StallAfter = 0 });
        Task<PullException> failing = FailAsync(server, null, quick);
        await Patience.UntilAsync(
            () =>
            {
                clock.Advance(quick.StallLimit);
                return failing.IsCompleted;
            },
            "the end of its patience"
        );
        PullException failure = await failing;
        Assert.Equal(PullFailure.Unreachable, failure.Failure);
        Assert.Contains("nothing more", failure.Message);
    }

    [Fact]
    public async Task A_busy_server_is_asked_again()
    {
        int asked = 0;
        using var server = new FaultyServer(_ => new Serving(Whole) { Status = Interlocked.Increment(ref asked) < 4 ? 503 : 206 });
        await PullAsync(server, Digest);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(-100)]
    public async Task Lengths_that_lie_are_noticed(int lie)
    {
        using var server = new FaultyServer(_ => new Serving(Whole) { LengthLie = lie });
        PullException failure = await FailAsync(server, Digest, quick);
        Assert.True(failure.Failure is PullFailure.WrongDigest or PullFailure.Unreachable or PullFailure.BadAnswer, failure.Message);
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public async Task A_file_that_changes_half_way_is_fetched_from_its_beginning()
    {
        byte[] other = [.. Whole];
        new Random(2).NextBytes(other.AsSpan(0, 1000));
        int asked = 0;
        using var server = new FaultyServer(_ =>
            Interlocked.Increment(ref asked) < 3 ? new Serving(other) { ETag = "\"zero\"" } : new Serving(Whole)
        );
        await PullAsync(server, null);
    }

    [Fact]
    public async Task A_file_that_never_stops_changing_is_one_sentence()
    {
        int asked = 0;
        using var server = new FaultyServer(_ => new Serving(Whole) { ETag = $"\"{Interlocked.Increment(ref asked)}\"" });
        PullException failure = await FailAsync(server, null, quick);
        Assert.Equal(PullFailure.BadAnswer, failure.Failure);
        Assert.Contains("keeps changing", failure.Message);
    }

    [Fact]
    public async Task Another_file_than_expected_is_deleted()
    {
        using var server = new FaultyServer(_ => new Serving(Whole));
        PullException failure = await FailAsync(server, new string('a', 64), quick);
        Assert.Equal(PullFailure.WrongDigest, failure.Failure);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Theory]
    [InlineData(404, PullFailure.NotFound)]
    [InlineData(401, PullFailure.NotAllowed)]
    [InlineData(403, PullFailure.NotAllowed)]
    [InlineData(418, PullFailure.BadAnswer)]
    [InlineData(500, PullFailure.Unreachable)]
    public async Task What_the_server_refuses_is_a_typed_failure(int status, PullFailure expected)
    {
        using var server = new FaultyServer(_ => new Serving(Whole) { Status = status });
        Assert.Equal(expected, (await FailAsync(server, null, quick)).Failure);
    }

    [Fact]
    public async Task Redirects_are_followed_without_the_token()
    {
        using var store = new FaultyServer(_ => new Serving(Whole));
        using var hub = new FaultyServer(_ => new Serving(Whole)
        {
            Status = 302,
            ETag = null,
            ExtraHeaders = $"Location: {store.Address}elsewhere?signature=1\r\nX-Linked-ETag: \"{Digest}\"\r\n",
        });
        await PullAsync(hub, null);
        Assert.All(hub.Requests, static request => Assert.Equal("secret", request.Token));
        Assert.All(store.Requests, static request => Assert.Null(request.Token));
    }

    [Fact]
    public async Task The_digest_that_the_hub_says_is_checked()
    {
        using var store = new FaultyServer(_ => new Serving(Whole));
        using var hub = new FaultyServer(_ => new Serving(Whole)
        {
            Status = 302,
            ExtraHeaders = $"Location: {store.Address}x\r\nX-Linked-ETag: \"{new string('b', 64)}\"\r\n",
        });
        Assert.Equal(PullFailure.WrongDigest, (await FailAsync(hub, null, quick)).Failure);
    }

    [Fact]
    public async Task Another_file_than_the_catalogue_says_is_not_begun()
    {
        using var store = new FaultyServer(_ => new Serving(Whole));
        using var hub = new FaultyServer(_ => new Serving(Whole)
        {
            Status = 302,
            ExtraHeaders = $"Location: {store.Address}x\r\nX-Linked-ETag: \"{new string('b', 64)}\"\r\n",
        });
        PullException failure = await FailAsync(hub, Digest, quick);
        Assert.Equal(PullFailure.WrongDigest, failure.Failure);
        Assert.Contains("than the catalogue says", failure.Message);
        Assert.All(store.Requests, static request => Assert.Equal(0, request.Last));
    }

    [Fact]
    public async Task Redirects_in_a_circle_end()
    {
        FaultyServer? server = null;
        using FaultyServer made = server = new FaultyServer(_ => new Serving(Whole)
        {
            Status = 302,
            ExtraHeaders = $"Location: {server!.Address}x\r\n",
        });
        Assert.Equal(PullFailure.BadAnswer, (await FailAsync(made, null, quick)).Failure);
    }

    [Fact]
    public async Task The_next_mirror_is_tried()
    {
        using var empty = new FaultyServer(_ => new Serving(Whole) { Status = 404 });
        using var full = new FaultyServer(_ => new Serving(Whole));
        await PullAsync([new Uri(empty.Address, Name), new Uri(full.Address, Name)], Digest, quick);
    }

    [Fact]
    public async Task An_interrupted_pull_goes_on_where_it_was()
    {
        using (var slow = new FaultyServer(_ => new Serving(Whole) { Rate = 2000 }))
        {
            using var stop = new CancellationTokenSource();
            var progress = new Watcher(step =>
            {
                if (step.DoneBytes > Whole.Length / 8)
                    stop.Cancel();
            });
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                PullAsync([new Uri(slow.Address, Name)], Digest, quick, progress, stop.Token)
            );
        }

        Assert.Equal(2, Directory.GetFiles(folder).Length);
        long done = DownloadState.TryRead(Target + PartFile.StateSuffix)!.DoneBytes;
        Assert.True(done > 0);
        using var server = new FaultyServer(_ => new Serving(Whole));
        await PullAsync(server, Digest);
        Assert.Equal(
            Whole.Length - done,
            server.Requests.Where(static request => request.Last > 0).Sum(static request => request.Last - request.First + 1)
        );
    }

    [Fact]
    public async Task A_state_that_is_damaged_is_not_trusted()
    {
        await File.WriteAllBytesAsync(Target + PartFile.PartSuffix, new byte[Whole.Length]);
        DownloadState whole = DownloadState.Begin(Whole.Length, Digest);
        for (int piece = 0; piece < whole.PieceCount; piece++)
            whole.Add(piece, (int)(whole.Left(piece).End - whole.Left(piece).First));
        whole.Write(Target + PartFile.StateSuffix);
        byte[] state = await File.ReadAllBytesAsync(Target + PartFile.StateSuffix);
        using var server = new FaultyServer(_ => new Serving(Whole));
        Assert.Equal(PullFailure.WrongDigest, (await FailAsync(server, Digest, quick)).Failure);
        for (int cut = 0; cut < state.Length; cut += 7)
        {
            await File.WriteAllBytesAsync(Target + PartFile.StateSuffix, state[..cut]);
            Assert.Null(DownloadState.TryRead(Target + PartFile.StateSuffix));
        }

        File.Delete(Target + PartFile.StateSuffix);
        await PullAsync(server, Digest);
    }

    private Task PullAsync(FaultyServer server, string? digest) => PullAsync([new Uri(server.Address, Name)], digest, quick);

    private async Task PullAsync(
        Uri[] addresses,
        string? digest,
        PullOptions options,
        IProgress<PullProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        using var web = new WebSource(options.Token, [.. addresses.Select(static address => new Uri(address, "/"))]);
        var request = new DownloadRequest(addresses, Target, null, digest);
        await new FileDownload(web, request, options, progress) { FirstWait = TimeSpan.FromMilliseconds(5), Clock = clock }.RunAsync(
            cancellationToken
        );
        Assert.True((await File.ReadAllBytesAsync(Target, cancellationToken)).AsSpan().SequenceEqual(Whole));
    }

    private async Task<PullException> FailAsync(FaultyServer server, string? digest, PullOptions options)
    {
        PullException failure = await Assert.ThrowsAnyAsync<PullException>(() =>
            PullAsync([new Uri(server.Address, Name)], digest, options)
        );
        Assert.DoesNotContain('\n', failure.Message);
        Assert.EndsWith(".", failure.Message);
        return failure;
    }

    /// <summary>Stands still until it is moved, and counts the waits that it ended.</summary>
    private sealed class StallClock : FakeTimeProvider
    {
        public int Expired { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(
                given =>
                {
                    Expired++;
                    callback(given);
                },
                state,
                dueTime,
                period
            );
    }

    private sealed class Watcher(Action<PullProgress> told) : IProgress<PullProgress>
    {
        public void Report(PullProgress value) => told(value);
    }
}
