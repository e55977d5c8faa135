using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// A tiktoken file (a token in base64 and its rank on each line) as byte-level BPE: a token's merge is the last that tiktoken would make on
/// its way to it. Source: openai/tiktoken v0.9, tiktoken/load.py and src/lib.rs; ggml-org/llama.cpp v0.5.0, conversion/qwen.py and
/// chatglm.py.
/// </summary>
internal static class TikTokenVocabulary
{
    private const int MaxTokenByteLength = 1024;

    /// <summary>Whether a file has this form.</summary>
    public static bool IsOne(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)'\n');
        ReadOnlySpan<byte> line = end < 0 ? bytes : bytes[..end];
        int space = line.IndexOf((byte)' ');
        return space is > 0 and < 4096
            && Base64.IsValid(line[..space])
            && Utf8Parser.TryParse(line[(space + 1)..], out int _, out int used)
            && used > 0;
    }

    public static void Set(Metadata metadata, CheckpointFolder folder, Settings config, string name, long size, VocabularyOptions options)
    {
        Dictionary<string, int> ranks = Read(folder, name);
        var table = new TokenTable(folder.FullPath, size);
        // Latin-1 keeps bytes as they are, so that tokens of broken UTF-8 are keys too.
        foreach ((string token, int rank) in ranks)
            table.Set(rank, BytePairVocabulary.Printable(Encoding.Latin1.GetBytes(token)), 0, TokenKind.Normal);
        foreach (AddedToken token in TokenizerFiles.DecoderTokens(folder))
            table.Set(token, 0);
        if (folder.TryReadSettings("tokenizer.json") is Settings tokenizer)
            foreach (AddedToken token in TokenizerFiles.AddedTokens(tokenizer))
                table.Set(token, 0);
        var merges = new List<(string Left, string Right)>();
        foreach ((string token, int rank) in ranks.OrderBy(static pair => pair.Value).Where(static pair => pair.Key.Length > 1))
        {
            if (LastMerge(ranks, token, rank) is not (string left, string right))
                continue;
            merges.Add(
                (
                    BytePairVocabulary.Printable(Encoding.Latin1.GetBytes(left)),
                    BytePairVocabulary.Printable(Encoding.Latin1.GetBytes(right))
                )
            );
        }

        BytePairVocabulary.Write(metadata, folder, config, table, merges, options.PreTokenizer ?? "qwen2", options);
    }

    private static Dictionary<string, int> Read(CheckpointFolder folder, string name)
    {
        string path = folder.PathOf(name);
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
        using var reader = new StringReader(Encoding.ASCII.GetString(folder.TryReadBytes(name)!));
        for (int number = 1; reader.ReadLine() is string line; number++)
        {
            if (line.Length == 0)
                continue;
            int space = line.IndexOf(' ');
            if (
                space <= 0
                || !Base64.IsValid(line.AsSpan(0, space))
                || space > 2 * MaxTokenByteLength
                || !int.TryParse(line.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int rank)
            )
                throw new CheckpointException(path, $"line {number} is no token with its rank.");
            ranks[Encoding.Latin1.GetString(Convert.FromBase64String(line[..space]))] = rank;
        }

        return ranks;
    }

    // Merges neighbours of the lowest rank as long as that is below the token's own: what is left are its two parts.
    private static (string Left, string Right)? LastMerge(Dictionary<string, int> ranks, string token, int rank)
    {
        List<string> parts = [.. token.Select(static letter => letter.ToString())];
        while (parts.Count > 2)
        {
            int best = -1,
                bestRank = rank;
            for (int index = 0; index + 1 < parts.Count; index++)
                if (ranks.TryGetValue(parts[index] + parts[index + 1], out int found) && found < bestRank)
                    (best, bestRank) = (index, found);
            if (best < 0)
                return null;
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }

        return parts.Count == 2 ? (parts[0], parts[1]) : null;
    }
}
