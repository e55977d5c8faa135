namespace Tessera;

/// <summary>A picture that cannot be used: missing, empty, damaged, too large, or no picture at all.</summary>
public class ImageException : TesseraException
{
    /// <summary>Creates the failure for one picture.</summary>
    /// <param name="source">The file, URL or other name of the picture; the message starts with it.</param>
    /// <param name="problem">What is wrong with it.</param>
    /// <param name="innerException">What caused it, if anything did.</param>
    public ImageException(string source, string problem, Exception? innerException = null)
        : base($"{source}: {problem}", innerException) => ImageSource = source;

    /// <summary>The file, URL or other name of the picture.</summary>
    public string ImageSource { get; }
}

/// <summary>A prompt that does not fit the context of the language model.</summary>
public sealed class PromptTooLongException : TesseraException
{
    /// <summary>Creates the failure with both lengths, in tokens.</summary>
    public PromptTooLongException(int promptTokenCount, int contextLength)
        : base(
            $"The prompt needs {promptTokenCount} tokens but the context holds {contextLength}: shorten the question or use fewer "
                + "pictures."
        )
    {
        PromptTokenCount = promptTokenCount;
        ContextLength = contextLength;
    }

    /// <summary>Tokens that the prompt needs, image tokens included.</summary>
    public int PromptTokenCount { get; }

    /// <summary>Tokens that the context holds.</summary>
    public int ContextLength { get; }
}

/// <summary>A native library that is missing, of the wrong version, or that failed.</summary>
public sealed class NativeLibraryException : TesseraException
{
    /// <summary>Creates the failure with its one sentence.</summary>
    public NativeLibraryException(string message, Exception? innerException = null)
        : base(message, innerException) { }
}

/// <summary>Too many answers are waiting for the model.</summary>
public sealed class EngineBusyException : TesseraException
{
    /// <summary>Creates the failure with the bound that was reached.</summary>
    public EngineBusyException(int waitingLimit)
        : base($"The model is busy: {waitingLimit} answers are waiting already, so ask again later.") => WaitingLimit = waitingLimit;

    /// <summary>Answers that may wait.</summary>
    public int WaitingLimit { get; }
}

/// <summary>A model that this machine's memory cannot hold.</summary>
public sealed class NotEnoughMemoryException : TesseraException
{
    /// <summary>Creates the failure with the numbers.</summary>
    /// <param name="path">The model.</param>
    /// <param name="plan">What it would take.</param>
    public NotEnoughMemoryException(string path, MemoryPlan plan)
        : base(Sentence(path, plan)) => Plan = plan;

    /// <summary>What the model would take.</summary>
    public MemoryPlan Plan { get; }

    private static string Sentence(string path, MemoryPlan plan)
    {
        DeviceMemory tight = plan.Devices.First(static device => !device.Fits);
        string way =
            plan.LargestContextLength > 0
                ? $"a context of {plan.LargestContextLength} tokens would fit"
                : "take a shorter context or a smaller quantization";
        return $"{path}: it needs {Gigabytes(tight.Bytes)} GB on {tight.Device}, where {Gigabytes(tight.FreeBytes)} GB are free "
            + $"(weights {Gigabytes(plan.WeightBytes)}, {plan.ContextLength} tokens of context {Gigabytes(plan.CacheBytes)}, "
            + $"vision {Gigabytes(plan.VisionWeightBytes + plan.VisionComputeBytes)}): {way}.";
    }

    private static string Gigabytes(long bytes) => (bytes / 1e9).ToString("F1", System.Globalization.CultureInfo.InvariantCulture);
}
