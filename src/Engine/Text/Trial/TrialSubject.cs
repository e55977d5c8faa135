using System.Diagnostics;
using Tessera.Compute;
using Tessera.Text.Llama;

namespace Tessera.Text.Trial;

/// <summary>
/// The trial's own process: loads a language model and decodes a little with it, telling on its output how far it is, so that the one who
/// watches knows where it ended. Failures that libllama reports are none here: whoever loads the model gets them again.
/// </summary>
internal static class TrialSubject
{
    public const string RowsArgument = "rows";
    public const string DoneLine = "done";
    public const string AbortPrefix = "abort ";
    private const int ContextLength = 512;
    private const int TokenCount = 8;
    private const string Text = "Hello, 世界! 12345 naïve <|im_start|>user\n\n\t café 🙂 The quick brown fox.";

    public static int Run(IReadOnlyList<string> arguments, Stream input, TextWriter output)
    {
        if (arguments.Count is 0 or > 2)
            return 2;
        ComputeDevice.LeaveNoDump();
        new Thread(() => EndWith(input)) { IsBackground = true, Name = "Tessera trial" }.Start();
        NativeFailure.Handler = reason =>
        {
            // Who watches ends this process when it has read that.
            Say(output, AbortPrefix + reason.ReplaceLineEndings(" "));
            Thread.Sleep(Timeout.Infinite);
        };
        try
        {
            Try(arguments[0], arguments.Contains(RowsArgument), stage => Say(output, stage));
        }
        catch (TesseraException)
        {
            // The same sentence comes from the load that follows.
        }

        Say(output, DoneLine);
        return 0;
    }

    private static void Try(string path, bool withRows, Action<string> enter)
    {
        enter("while it is loaded");
        ComputeDevice.RegisterKernels();
        using LanguageModel model = LanguageModel.Load(path, gpuLayerCount: 0, null, CancellationToken.None, isRepacked: false);
        enter("while its vocabulary is read");
        int[] tokens = TryVocabulary(model.Vocabulary);
        enter("while a context is made");
        using var context = new LlamaLanguage(model, ContextLength, sequenceCount: 2, threadCount: 0);
        enter("while tokens are decoded");
        DecodeTokens(context, tokens);
        if (!withRows)
            return;
        enter("while embeddings are decoded");
        DecodeRows(context, model.EmbeddingWidth);
    }

    // The ids range over the whole vocabulary, the first and the last included.
    private static int[] TryVocabulary(Vocabulary vocabulary)
    {
        int[] text = [.. vocabulary.Tokenize(Text), .. vocabulary.Tokenize("\u0001\u007f\u0378 ")];
        for (int token = 0; token < vocabulary.TokenCount; token++)
            vocabulary.Piece(token, showsControl: true);
        _ = (vocabulary.StartText, vocabulary.EndText, vocabulary.StartToken, vocabulary.IsEnd(0));
        int last = vocabulary.TokenCount - 1;
        return
        [
            .. Enumerable
                .Range(0, TokenCount)
                .Select(index => index % 2 == 1 && text.Length > index ? text[index] : (int)((long)index * last / (TokenCount - 2))),
        ];
    }

    // Several at once, then one alone, which other kernels compute; then in another sequence that shares the beginning.
    private static void DecodeTokens(LlamaLanguage context, int[] tokens)
    {
        var batch = new ContextBatch(TokenCount, 1, lookup: null);
        for (int index = 0; index < TokenCount - 1; index++)
            batch.AddToken(tokens[index], 0, index, wantsLogits: index == TokenCount - 2);
        // An encoder's prompt is forgotten with the next, so both sequences' are one batch.
        if (context.HasEncoder)
            EncodeTokens(context, tokens);
        Decode(context, batch);
        batch.AddToken(tokens[^1], 0, TokenCount - 1, wantsLogits: true);
        Decode(context, batch);
        context.Share(0, 1, context.CanCut ? TokenCount / 2 : TokenCount);
        batch.AddToken(tokens[0], 1, context.CanCut ? TokenCount / 2 : TokenCount, wantsLogits: true);
        Decode(context, batch);
        context.Cut(0, 0);
        context.Cut(1, 0);
    }

    private static void EncodeTokens(LlamaLanguage context, int[] tokens)
    {
        var prompts = new ContextBatch(2 * TokenCount, 1, lookup: null);
        for (int row = 0; row < 2 * TokenCount; row++)
            prompts.AddToken(tokens[row % TokenCount], row / TokenCount, row % TokenCount, wantsLogits: true);
        context.Encode(prompts);
    }

    private static void DecodeRows(LlamaLanguage context, int width)
    {
        var batch = new ContextBatch(TokenCount, width, lookup: null);
        var row = new float[width];
        for (int index = 0; index < TokenCount; index++)
        {
            row.AsSpan().Fill((index - 3.5f) / 100);
            batch.AddEmbedding(row, 0, index, wantsLogits: index == TokenCount - 1, isReadAsText: false);
        }

        if (context.HasEncoder)
            context.Encode(batch);
        else
            Decode(context, batch);
    }

    private static void Decode(LlamaLanguage context, ContextBatch batch)
    {
        context.Decode(batch);
        batch.Clear();
    }

    private static void Say(TextWriter output, string line)
    {
        output.WriteLine(line);
        output.Flush();
    }

    private static void EndWith(Stream input)
    {
        try
        {
            while (input.ReadByte() >= 0) { }
        }
        catch (IOException)
        {
            // As good as the end.
        }

        using var self = Process.GetCurrentProcess();
        self.Kill();
    }
}
