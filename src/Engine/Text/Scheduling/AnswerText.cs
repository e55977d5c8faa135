using System.Text;

namespace Tessera.Text.Scheduling;

/// <summary>
/// Turns the bytes of tokens into text that can be shown at once: never cut inside a character, and never showing the beginning of
/// what may become a stop string.
/// </summary>
/// <param name="stopStrings">What ends the answer.</param>
/// <param name="tidiesSpaces">Whether tokens stand apart that are written together (<see cref="TidiedText"/>).</param>
internal sealed class AnswerText(IReadOnlyList<string> stopStrings, bool tidiesSpaces = false)
{
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    private readonly TidiedText? tidied = tidiesSpaces ? new TidiedText() : null;
    private readonly StringBuilder pending = new();

    /// <summary>Whether a stop string has been met; nothing more will come.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Adds a token's bytes and returns the text that became certain.</summary>
    public string Append(ReadOnlySpan<byte> piece)
    {
        Decode(piece, flush: false);
        return TakeCertain(atEnd: false);
    }

    /// <summary>Returns what was held back; an unfinished character becomes U+FFFD.</summary>
    public string Finish()
    {
        Decode([], flush: true);
        return TakeCertain(atEnd: true);
    }

    private void Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length + 4)];
        Span<char> text = characters.AsSpan(0, decoder.GetChars(bytes, characters, flush));
        if (tidied is null)
            pending.Append(text);
        else
            pending.Append(tidied.Append(text)).Append(flush ? tidied.Finish() : "");
    }

    private string TakeCertain(bool atEnd)
    {
        if (IsStopped)
            return "";
        string text = pending.ToString();
        int stop = FirstStop(text);
        if (stop >= 0)
        {
            IsStopped = true;
            pending.Clear();
            return text[..stop];
        }

        int certain = atEnd ? text.Length : text.Length - HeldBack(text);
        pending.Remove(0, certain);
        return text[..certain];
    }

    private int FirstStop(string text)
    {
        int first = -1;
        foreach (string stop in stopStrings)
        {
            int index = text.IndexOf(stop, StringComparison.Ordinal);
            if (index >= 0 && (first < 0 || index < first))
                first = index;
        }

        return first;
    }

    // A high surrogate waits for its other half.
    private int HeldBack(string text) =>
        Math.Max(text.Length > 0 && char.IsHighSurrogate(text[^1]) ? 1 : 0, TextEnd.BeginningOf(stopStrings, text));
}
