using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// A SentencePiece model as libllama's vocabulary "llama" (merges by score) or "t5" (Unigram). Source of the rules: ggml-org/llama.cpp
/// v0.5.0, conversion/base.py: _create_vocab_sentencepiece, and conversion/t5.py.
/// </summary>
internal static class SentencePieceVocabulary
{
    private const float AddedScore = -1000;

    public static void Set(
        Metadata metadata,
        CheckpointFolder folder,
        Settings config,
        SentencePieceModel model,
        long size,
        VocabularyOptions options
    )
    {
        var table = new TokenTable(folder.FullPath, size);
        for (int id = 0; id < model.Pieces.Count; id++)
            table.Set(id, model.Pieces[id].Text, model.Pieces[id].Score, model.Pieces[id].Kind);
        foreach ((string text, long id) in TokenizerFiles.AddedTexts(folder))
            table.Set(id, text, AddedScore, TokenKind.UserDefined);
        // Unigram models keep what the pieces say of themselves.
        if (!model.IsUnigram)
            foreach (AddedToken token in TokenizerFiles.DecoderTokens(folder))
                table.Set(token, AddedScore);
        options.Change?.Invoke(table);
        table.Write(metadata, model.IsUnigram ? "t5" : "llama", options.PreTokenizer ?? "default", withScores: true);
        if (model.IsUnigram)
        {
            metadata.Set("tokenizer.ggml.add_space_prefix", model.AddsSpacePrefix);
            metadata.Set("tokenizer.ggml.remove_extra_whitespaces", model.RemovesExtraSpaces);
            if (model.CharacterMap.Length > 0)
                metadata.Set("tokenizer.ggml.precompiled_charsmap", model.CharacterMap);
        }

        Vocabulary.SetSpecials(metadata, folder, config, table, options);
    }
}
