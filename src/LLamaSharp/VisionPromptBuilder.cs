using System.Text;
using LLama;
using LLama.Native;

namespace Tessera.LLamaSharp;

/// <summary>Lays a prompt out: texts that meet are tokenized as one, texts on both sides of embeddings on their own.</summary>
internal sealed class VisionPromptBuilder(LLamaWeights language)
{
    private readonly List<VisionPromptPart> parts = [];
    private readonly List<SlicePlan> plans = [];
    private readonly List<LLamaToken> run = [];
    private readonly StringBuilder text = new();

    /// <summary>The beginning of a conversation, with the start token if the model wants one; it is not written twice.</summary>
    public void AddStart(string first)
    {
        if (language.Vocab is not { ShouldAddBOS: true, BOS: LLamaToken start })
        {
            AddText(first);
            return;
        }

        run.Add(start);
        string written = language.Vocab.LLamaTokenToString(start, isSpecialToken: true) ?? "";
        AddText(written.Length > 0 && first.StartsWith(written, StringComparison.Ordinal) ? first[written.Length..] : first);
    }

    public void AddText(string added) => text.Append(added);

    /// <summary>What stands for a picture: the family's own texts and tokens around its embeddings.</summary>
    public void AddImage(ImageEncoding encoding)
    {
        plans.Add(encoding.Plan);
        int start = 0;
        int count = 0;
        foreach (LayoutSpan span in encoding.Plan.Layout)
        {
            if (span.Text is null)
            {
                count += span.RowCount;
                continue;
            }

            AddEmbeddings(encoding, start, count);
            start += count;
            count = 0;
            if (!span.IsToken)
                AddText(span.Text);
            else
                AddToken(span.Text);
        }

        AddEmbeddings(encoding, start, count);
    }

    public VisionPrompt Build()
    {
        CloseRun();
        return new VisionPrompt(parts, plans);
    }

    private void AddEmbeddings(ImageEncoding encoding, int start, int count)
    {
        if (count == 0)
            return;
        CloseRun();
        parts.Add(
            new VisionPromptPart.Embeddings(encoding.Embeddings.Slice(start * encoding.Width, count * encoding.Width), encoding.Width)
        );
    }

    // Exactly one token, where the tokenizer would make another or several of the text.
    private void AddToken(string written)
    {
        FlushText();
        LLamaToken? last = null;
        for (int id = 0; id < language.Vocab.Count; id++)
        {
            if (language.Vocab.LLamaTokenToString(id, isSpecialToken: false) == written)
                last = id;
        }

        if (last is LLamaToken token)
            run.Add(token);
        else
            AddText(written);
    }

    private void FlushText()
    {
        if (text.Length > 0)
            run.AddRange(language.Tokenize(text.ToString(), false, true, Encoding.UTF8));
        text.Clear();
    }

    private void CloseRun()
    {
        FlushText();
        if (run.Count > 0)
            parts.Add(new VisionPromptPart.Tokens(run.ToArray()));
        run.Clear();
    }
}
