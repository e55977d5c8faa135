using Tessera;
using Tessera.Extensions.AI;

namespace Microsoft.Extensions.AI;

/// <summary>Gives a model the interfaces of Microsoft.Extensions.AI.</summary>
public static class TesseraModelExtensions
{
    /// <summary>The model as a chat client.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modelId">What the model is called; null for its file's name.</param>
    /// <param name="ownsModel">Whether disposing the client disposes the model.</param>
    /// <param name="allowFileUris">Whether pictures are read from <c>file:</c> addresses; for messages of the program's own only.</param>
    public static IChatClient AsIChatClient(
        this MultimodalModel model,
        string? modelId = null,
        bool ownsModel = false,
        bool allowFileUris = false
    ) => new TesseraChatClient(model, modelId, ownsModel, allowFileUris);

    /// <summary>The model's eyes as a generator of embeddings.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modelId">What the model is called; null for its file's name.</param>
    /// <param name="ownsModel">Whether disposing the generator disposes the model.</param>
    public static IEmbeddingGenerator<DataContent, Embedding<float>> AsIImageEmbeddingGenerator(
        this MultimodalModel model,
        string? modelId = null,
        bool ownsModel = false
    ) => new TesseraImageEmbeddingGenerator(model, modelId, ownsModel);
}
