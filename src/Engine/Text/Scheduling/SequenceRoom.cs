namespace Tessera.Text.Scheduling;

/// <summary>Keeps what the KV cache holds and what is known of it the same.</summary>
internal sealed class SequenceRoom(ILanguage language, SequenceCache cache)
{
    /// <summary>Gives an answer its sequence, with what of its prompt is there already.</summary>
    public void Take(AnswerJob job, SequencePlacement place)
    {
        job.Admit(place.Target);
        Place(place);
        job.ReusedCount = place.Target.Length;
    }

    /// <summary>Makes a sequence hold what a placement says.</summary>
    public void Place(SequencePlacement place)
    {
        CachedSequence target = place.Target;
        if (place.Source is not null)
        {
            language.Cut(target.Id, 0);
            language.Share(place.Source.Id, target.Id, place.Source.PositionAt(place.SharedCount));
            target.TakeOver(place.Source, place.SharedCount);
        }
        else
        {
            Cut(target, place.SharedCount);
        }
    }

    /// <summary>Forgets what a sequence holds from a position on; all of it where it cannot be cut there.</summary>
    public void Cut(CachedSequence sequence, int length)
    {
        if (!language.Cut(sequence.Id, sequence.PositionAt(length)))
        {
            language.Cut(sequence.Id, 0);
            length = 0;
        }

        if (length < sequence.Length)
            sequence.CutTo(length);
    }

    /// <summary>Forgets the sequence that was used longest ago. False if none is idle.</summary>
    public bool GiveUpOldest()
    {
        if (cache.Oldest() is not { } oldest)
            return false;
        Cut(oldest, 0);
        return true;
    }
}
