namespace Tessera;

/// <summary>How likely a token was, as the language model said before penalties, temperature or a format changed the choice.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Text">Its text; empty for a control token, and broken where a character spans several tokens.</param>
/// <param name="LogProbability">Natural logarithm of its probability.</param>
public sealed record TokenLogProbability(int TokenId, string Text, double LogProbability)
{
    /// <summary>Its bytes, which may be a part of a character.</summary>
    public ReadOnlyMemory<byte> Bytes { get; init; }

    /// <summary>The likeliest tokens in its place, likeliest first, as many as were asked for.</summary>
    public IReadOnlyList<TokenLogProbability> Likeliest { get; init; } = [];
}
