namespace Tessera.Imaging.Video;

/// <summary>A stretch of a video's frames, both ends in it.</summary>
internal readonly record struct FrameStretch(int First, int Last)
{
    public int Count => Last - First + 1;
}

/// <summary>Chooses frames: pure arithmetic, as the authors' programs do it.</summary>
internal static class FrameChoices
{
    /// <summary>Numbers of the chosen frames, ascending. A stretch with no more frames than wanted is taken whole.</summary>
    /// <param name="choice">The rule.</param>
    /// <param name="stretch">The frames to choose from.</param>
    /// <param name="wanted">How many, at least 1; an upper limit for <see cref="FrameChoice.EachSecond"/>.</param>
    /// <param name="framesPerSecond">Null where it is not known; each frame then counts as a second's.</param>
    public static int[] Choose(FrameChoice choice, FrameStretch stretch, int wanted, double? framesPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(wanted, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(stretch.Count, 1);
        if (choice == FrameChoice.EachSecond)
            return EachSecond(stretch, wanted, framesPerSecond ?? 1);
        if (stretch.Count <= wanted)
            return [.. Enumerable.Range(stretch.First, stretch.Count)];
        return choice == FrameChoice.EndToEnd ? EndToEnd(stretch, wanted) : RoundedMiddles(stretch, wanted);
    }

    // numpy.linspace(first, last, wanted, dtype=int): steps in double, rounded down, the last as given.
    private static int[] EndToEnd(FrameStretch stretch, int wanted)
    {
        if (wanted == 1)
            return [stretch.First];
        double step = (double)(stretch.Last - stretch.First) / (wanted - 1);
        return [.. Enumerable.Range(0, wanted).Select(index => index == wanted - 1 ? stretch.Last : (int)(index * step + stretch.First))];
    }

    private static int[] RoundedMiddles(FrameStretch stretch, int wanted)
    {
        double step = (double)(stretch.Last - stretch.First) / wanted;
        return [.. Enumerable.Range(0, wanted).Select(index => (int)(stretch.First + step / 2 + Math.Round(step * index)))];
    }

    private static int[] EachSecond(FrameStretch stretch, int most, double framesPerSecond)
    {
        int step = (int)Math.Clamp(Math.Round(framesPerSecond), 1, int.MaxValue);
        int count = (stretch.Count - 1) / step + 1;
        if (count <= most)
            return [.. Enumerable.Range(0, count).Select(index => stretch.First + index * step)];
        double gap = (double)count / most;
        return [.. Enumerable.Range(0, most).Select(index => stretch.First + (int)(index * gap + gap / 2) * step)];
    }
}
