using System.Text.Json;
using Tessera.Vision.Parts;

namespace Tessera.Engine.Tests.Models;

/// <summary>BERT's tokenizer against Hugging Face's, on texts that are hard for its rules.</summary>
public sealed class WordPieceTokenizerTests
{
    private static readonly JsonElement Golden = JsonDocument
        .Parse(File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", "instructblip", "wordpiece.json")))
        .RootElement;

    [Fact]
    public void Texts_become_the_references_tokens()
    {
        WordPieceTokenizer tokenizer = WordPieceTokenizer.Of([
            .. Golden.GetProperty("pieces").EnumerateArray().Select(static piece => piece.GetString()!),
        ])!;
        foreach (JsonElement entry in Golden.GetProperty("texts").EnumerateArray())
        {
            string text = entry.GetProperty("text").GetString()!;
            Assert.Equal(
                (text, string.Join(' ', entry.GetProperty("ids").EnumerateArray().Select(static id => id.GetInt32()))),
                (text, string.Join(' ', tokenizer.Tokenize(text)))
            );
        }
    }

    [Fact]
    public void A_vocabulary_without_the_tokens_around_a_text_makes_none() => Assert.Null(WordPieceTokenizer.Of(["[UNK]", "[CLS]", "a"]));
}
