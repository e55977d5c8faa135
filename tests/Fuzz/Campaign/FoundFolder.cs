using System.Globalization;
using System.Text;

namespace Tessera.Fuzz.Campaign;

/// <summary>Where inputs are kept that found something: a folder for each kind, with a README that says what each of them did.</summary>
internal sealed class FoundFolder(string path)
{
    // Of what looks the same, a few are enough.
    private const int MostAlike = 3;
    private readonly Dictionary<string, int> seen = [];

    public string FullName => Path.GetFullPath(path);

    /// <summary>What tells findings apart, whatever numbers they name.</summary>
    public static string? Signature(string? what) =>
        what is null ? null : new string([.. what.Where(static letter => !char.IsAsciiDigit(letter))]);

    /// <summary>Saves an input, unless some that did the same are there already.</summary>
    /// <returns>The file, or null.</returns>
    public string? Save(string kind, int seed, long index, byte[] input, string what)
    {
        string signature = $"{kind} {Signature(what)}";
        seen[signature] = seen.GetValueOrDefault(signature) + 1;
        if (seen[signature] > MostAlike)
            return null;
        string folder = Directory.CreateDirectory(Path.Combine(path, kind)).FullName;
        string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{seed}-{index}"));
        File.WriteAllBytes(file, input);
        File.AppendAllText(Path.Combine(folder, "README"), $"{Path.GetFileName(file)}: {what}\n", new UTF8Encoding(false));
        return file;
    }
}
