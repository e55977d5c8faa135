using System.Threading.Channels;
using Microsoft.Extensions.AI;
using Tessera.Server.Look;

namespace Tessera.Server.Answers;

/// <summary>An answer on its way. It is made at the model's pace, however slowly it is read; disposing it stops it.</summary>
/// <param name="modelName">Who answers.</param>
/// <param name="pictures">How the pictures are cut.</param>
/// <param name="loadTime">What the request had to wait for the model.</param>
/// <param name="updates">What becomes certain; fails as the answer does.</param>
/// <param name="making">Ends when the answer has been made.</param>
/// <param name="stop">Stops it.</param>
internal sealed class RunningAnswer(
    string modelName,
    IReadOnlyList<LookDocument> pictures,
    TimeSpan loadTime,
    ChannelReader<ChatResponseUpdate> updates,
    Task making,
    CancellationTokenSource stop
) : IAsyncDisposable
{
    public string ModelName => modelName;

    public IReadOnlyList<LookDocument> Pictures => pictures;

    public TimeSpan LoadTime => loadTime;

    public ChannelReader<ChatResponseUpdate> Updates => updates;

    /// <summary>Waits until there is something to say, so that what fails before has a status of its own.</summary>
    public ValueTask<bool> BeginAsync() => updates.WaitToReadAsync(CancellationToken.None);

    /// <summary>The whole answer.</summary>
    public async Task<WholeAnswer> WholeAsync()
    {
        var whole = new WholeAnswer();
        await foreach (ChatResponseUpdate update in updates.ReadAllAsync(CancellationToken.None))
            whole.Add(update);
        return whole;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await making.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }
}
