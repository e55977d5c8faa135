using System.Diagnostics.CodeAnalysis;
using Tessera.Annotation;

namespace Tessera.Queue;

/// <summary>What the streams on the server are called, and the subjects in them: a job's name and a picture's key in each.</summary>
internal static class QueueNames
{
    public const string WorkStream = "TESSERA_WORK";
    public const string ResultStream = "TESSERA_RESULTS";
    public const string JobStream = "TESSERA_JOBS";
    public const string PictureBucket = "TESSERA_PICTURES";
    public const string Workers = "workers";
    public const string AllWork = "tessera.work.*.*";
    public const string AllResults = "tessera.result.*.*";
    public const string AllJobs = "tessera.job.*";
    private const int KeyLength = 32;
    private const int LongestJob = 64;

    public static string Work(string job, PathKey key) => $"tessera.work.{job}.{key}";

    public static string WorkOf(string job) => $"tessera.work.{job}.*";

    public static string Result(string job, PathKey key) => $"tessera.result.{job}.{key}";

    public static string ResultsOf(string job) => $"tessera.result.{job}.*";

    public static string Job(string job) => $"tessera.job.{job}";

    public static string Collector(string job) => $"collect-{job}";

    public static string Picture(string job, PathKey key) => $"{job}-{key}";

    /// <summary>Reads the job and the key from a subject of work or of results.</summary>
    public static bool TryParse(string subject, [NotNullWhen(true)] out string? job, out PathKey key)
    {
        (job, key) = (null, default);
        string[] parts = subject.Split('.');
        bool isKnown =
            parts.Length == 4
            && parts[2].Length is > 0 and <= LongestJob
            && parts[2].All(char.IsAsciiLetterOrDigit)
            && parts[3].Length == KeyLength
            && UInt128.TryParse(
                parts[3],
                System.Globalization.NumberStyles.AllowHexSpecifier,
                System.Globalization.CultureInfo.InvariantCulture,
                out UInt128 value
            )
            && (key = new PathKey(value)) is { };
        if (isKnown)
            job = parts[2];
        return isKnown;
    }
}
