namespace Tessera.Extensions.AI;

/// <summary>A part of a message that cannot go to the model: of a kind it does not take, or damaged. Nothing is left out
/// silently.</summary>
public sealed class ChatContentException : TesseraException
{
    /// <summary>Creates the failure for one part.</summary>
    /// <param name="messageIndex">The message, from 0.</param>
    /// <param name="partIndex">The part in the message, from 0.</param>
    /// <param name="kind">What the part is: its type, and its media type where it has one.</param>
    /// <param name="problem">What is wrong with it, and the way out where there is one.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public ChatContentException(int messageIndex, int partIndex, string kind, string problem, Exception? innerException = null)
        : base($"message {messageIndex}, part {partIndex} ({kind}): {problem}", innerException)
    {
        MessageIndex = messageIndex;
        PartIndex = partIndex;
    }

    /// <summary>The message, from 0.</summary>
    public int MessageIndex { get; }

    /// <summary>The part in the message, from 0.</summary>
    public int PartIndex { get; }
}

/// <summary>An option that the model or this client cannot follow.</summary>
public sealed class ChatOptionException : TesseraException
{
    /// <summary>Creates the failure for one option.</summary>
    /// <param name="option">The option's name; the message starts with it.</param>
    /// <param name="problem">Why it cannot be followed, and the way out where there is one.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public ChatOptionException(string option, string problem, Exception? innerException = null)
        : base($"{option}: {problem}", innerException) => Option = option;

    /// <summary>The option's name.</summary>
    public string Option { get; }
}

/// <summary>A call of a tool that the model wrote in a form that cannot be read; found as the call's exception, never thrown.</summary>
public sealed class ToolCallFormatException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="written">What the model wrote.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public ToolCallFormatException(string written, Exception? innerException = null)
        : base(
            $"The model wrote a call of a tool that cannot be read: {(written.Length > MaxShown ? written[..MaxShown] + "…" : written)}",
            innerException
        ) => Written = written;

    private const int MaxShown = 200;

    /// <summary>What the model wrote.</summary>
    public string Written { get; }
}
