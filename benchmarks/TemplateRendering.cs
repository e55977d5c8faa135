using BenchmarkDotNet.Attributes;
using Tessera.ChatTemplates;
using Tessera.Engine.Tests;

namespace Tessera.Benchmarks;

/// <summary>Chat templates: parsing one, and rendering a conversation of 20 messages with it.</summary>
public class TemplateRendering
{
    private const int ExchangeCount = 10;
    private readonly List<ChatTemplateMessage> messages = [];
    private string source = "";
    private ChatPromptRenderer renderer = null!;

    [Params("chatml", "qwen-vl", "vicuna")]
    public string Template { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        source = File.ReadAllText(RepositoryRoot.Path("tests", "goldens", "templates", "own", $"{Template}.jinja"));
        renderer = new ChatPromptRenderer(Parse(), ["<|vision_start|><|image_pad|><|vision_end|>"]);
        for (int exchange = 0; exchange < ExchangeCount; exchange++)
        {
            messages.Add(
                new ChatTemplateMessage(
                    "user",
                    [ChatTemplatePart.Image, new("What is in this picture, and what has changed since the last one?")]
                )
            );
            messages.Add(new ChatTemplateMessage("assistant", "A yellow star and a purple diamond; the diamond has moved to the left."));
        }
    }

    [Benchmark]
    public ChatTemplate Parse() => ChatTemplate.Parse(source, Template);

    [Benchmark]
    public int Render() => renderer.Render(messages, addGenerationPrompt: true, "<s>", "</s>").Count;
}
