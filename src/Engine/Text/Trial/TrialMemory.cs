using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Shared;
using Tessera.Text.Llama;

namespace Tessera.Text.Trial;

/// <summary>
/// What came of trials, a small file for each model. Its name is the digest of the model's header, length and time of change, and of the
/// native libraries' edition. Trouble with the disk never fails a load: what cannot be remembered is tried again.
/// </summary>
/// <param name="folder">Where; null remembers nothing.</param>
internal sealed class TrialMemory(string? folder)
{
    private const string Survived = "survived";
    private const int MostFiles = 4096;
    private const int LongestText = 1000;

    /// <summary>The name under which a model's trial is remembered.</summary>
    /// <exception cref="ModelFileException">A file cannot be read.</exception>
    public static string KeyOf(IReadOnlyList<GgufFile> parts, bool withRows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"trial 1, rows {withRows}, {LanguageModel.Edition}\n"));
        foreach (GgufFile part in parts)
        {
            long changed = File.GetLastWriteTimeUtc(part.Path).Ticks;
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{part.FileLength} {changed}\n")));
            ModelFingerprint.AppendHeader(hash, part);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The file that remembers a model, for those who want it forgotten; null where nothing is remembered.</summary>
    public string? FileOf(string key) => folder is null ? null : Path.Combine(folder, $"{key}.txt");

    /// <summary>Whether a trial is remembered, and how it failed if it did.</summary>
    public bool TryRecall(string key, out string? failure)
    {
        failure = null;
        try
        {
            if (FileOf(key) is not { } file || !File.Exists(file) || new FileInfo(file).Length is 0 or > LongestText * 4)
                return false;
            string text = File.ReadAllText(file);
            failure = text == Survived ? null : text;
            return true;
        }
        catch (Exception trouble) when (trouble is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Remembers a trial; says whether that worked.</summary>
    public bool Remember(string key, string? failure)
    {
        if (FileOf(key) is not { } file)
            return false;
        byte[] text = Encoding.UTF8.GetBytes(failure is null ? Survived : failure[..Math.Min(failure.Length, LongestText)]);
        try
        {
            Directory.CreateDirectory(folder!);
            WholeFile.Write(file, stream => stream.Write(text), isDurable: false);
            MakeRoom();
            return true;
        }
        catch (Exception trouble) when (trouble is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void MakeRoom()
    {
        FileInfo[] files = new DirectoryInfo(folder!).GetFiles();
        if (files.Length <= MostFiles)
            return;
        foreach (FileInfo file in files.OrderBy(static file => file.LastWriteTimeUtc).Take(files.Length - (MostFiles / 2)))
            file.Delete();
    }
}
