namespace Tessera.Compute.Threads;

/// <summary>
/// Learns with how many threads one kind of work runs fastest, from the time that each step took. It keeps to the best known count and
/// tries its neighbours, half and double, now and then: the rarer, the slower they were when last tried. It begins with as many as other
/// programs leave room for. Threads that spin where they wait for each other never get more, as one step could take as long as fifty, and
/// what was learned beyond the smaller room is forgotten when it changes. For one thread at a time.
/// </summary>
/// <param name="most">The most threads.</param>
internal sealed class ThreadTuner(int most)
{
    // Below this, threads cost more to wake than they save.
    private const double WorthSharing = 1e-3;
    private const int TrialLength = 2,
        FirstTrial = 6,
        ShortestPause = 16,
        LongestPause = 1024;

    // A trial that makes a step r times as long is paid for by 100 (r - 1) steps: it costs some 2 % of the time.
    private const double PausePerLoss = 100;
    private const double EndsTrial = 1.3;

    // Memory that other machines use too makes the same step slower by this from one second to the next, so that of two counts that were
    // measured at different times the faster one may be the slower.
    private const double Gain = 0.9;
    private readonly StepTimes[] times = [.. Enumerable.Range(0, most + 1).Select(static _ => new StepTimes())];
    private int room = most,
        limit = most,
        best,
        trial,
        trialSteps,
        pause = FirstTrial,
        untilTrial = FirstTrial;
    private double lastUnits = 1;
    private bool triesMore = true;

    private bool IsTooShort(int count) => times[count].Typical * lastUnits * count < WorthSharing;

    /// <summary>The count of threads for the next step.</summary>
    /// <param name="roomNow">How many threads others leave room for.</param>
    /// <param name="isLimit">Whether more must not be tried.</param>
    /// <param name="expectedSeconds">What a step on one thread may take, where none is known yet.</param>
    public int Choose(int roomNow, bool isLimit, double expectedSeconds)
    {
        roomNow = Math.Clamp(roomNow, 1, times.Length - 1);
        limit = isLimit ? roomNow : times.Length - 1;
        if (roomNow != room)
            ChangeRoom(roomNow);
        if (best == 0 || best > limit)
            best = FastestKnown() ?? (expectedSeconds < WorthSharing ? 1 : room);
        if (trial > 0)
            return trial;
        if (--untilTrial > 0 || NextTrial() is not { } next)
            return best;
        (trial, trialSteps) = (next, 0);
        return trial;
    }

    /// <summary>Tells how long a step took.</summary>
    /// <param name="count">The count that <see cref="Choose"/> gave for it.</param>
    /// <param name="seconds">Its time.</param>
    /// <param name="units">How much was done, in a measure by which steps can be compared.</param>
    public void Add(int count, double seconds, double units = 1)
    {
        lastUnits = units;
        times[count].Add(seconds / units);
        if (count == trial)
        {
            double loss = seconds / units / times[best].Typical;
            if (++trialSteps < TrialLength && loss < EndsTrial)
                return;
            EndTrial(count);
        }

        best = FastestKnown() ?? count;
    }

    private void ChangeRoom(int roomNow)
    {
        int before = room;
        room = roomNow;
        trial = 0;
        if (limit > room)
        {
            if (!IsNear(before, room))
                (pause, untilTrial) = (FirstTrial, FirstTrial);
            return;
        }

        for (int count = Math.Min(before, room) + 1; count < times.Length; count++)
            times[count].Clear();
        // On many processors the room changes by one all the time: that is no reason to try everything anew.
        if (best == before && IsNear(before, room))
            best = room;
        if (IsNear(before, room))
            return;
        (pause, untilTrial) = (FirstTrial, FirstTrial);
        // What others left free again is taken at once, unless the work is too short.
        if (room > before && !IsTooShort(1))
            best = room;
    }

    private static bool IsNear(int one, int other) => 4 * Math.Min(one, other) >= 3 * Math.Max(one, other);

    private void EndTrial(int count)
    {
        trial = 0;
        double loss = times[count].Typical / times[best].Typical - 1;
        pause = loss < 0 ? ShortestPause : (int)Math.Clamp(Math.Max(2 * pause, PausePerLoss * loss), ShortestPause, LongestPause);
        untilTrial = pause;
    }

    // Untried neighbours first, then one and the other in turn.
    private int? NextTrial()
    {
        if (!times[best].IsKnown)
            return null;
        int? more = best < limit && !IsTooShort(best) ? Math.Min(limit, 2 * best) : null;
        int? fewer = best > 1 ? (best + 1) / 2 : null;
        triesMore = !triesMore;
        if (fewer is { } low && !times[low].IsKnown)
            return low;
        if (more is { } high && !times[high].IsKnown)
            return high;
        return triesMore ? more ?? fewer : fewer ?? more;
    }

    // What others leave room for, unless another count is clearly faster.
    private int? FastestKnown()
    {
        int? fastest = null;
        for (int count = 1; count <= limit; count++)
            if (times[count].IsKnown && (fastest is null || times[count].Typical < times[fastest.Value].Typical))
                fastest = count;
        bool isRoomKnown = room <= limit && times[room].IsKnown;
        return fastest is { } other && isRoomKnown && times[other].Typical > Gain * times[room].Typical ? room : fastest;
    }

    /// <summary>The middle one of the last three times: one slow step alone says nothing, two do.</summary>
    private sealed class StepTimes
    {
        private double first = double.NaN,
            second = double.NaN,
            third = double.NaN;

        public bool IsKnown => !double.IsNaN(third);

        /// <summary>NaN if none is known.</summary>
        public double Typical =>
            double.IsNaN(second) ? third
            : double.IsNaN(first) ? Math.Min(second, third)
            : Math.Max(Math.Min(first, second), Math.Min(Math.Max(first, second), third));

        public void Add(double time) => (first, second, third) = (second, third, time);

        public void Clear() => first = second = third = double.NaN;
    }
}
