using Tessera.ChatTemplates;

namespace Tessera.Engine.Tests.Templates;

public class ChatPromptRendererTests
{
    private static readonly ChatTemplateMessage[] TwoImages =
    [
        new("system", "Be brief."),
        new("user", [new("See "), ChatTemplatePart.Image, new(" and "), ChatTemplatePart.Image]),
    ];

    private static ChatPromptRenderer Renderer(string file, params string[] placeholders) =>
        new(ChatTemplate.Parse(File.ReadAllText(Path.Combine(TemplateGoldens.Folder, "own", file)), file), placeholders);

    private static string Shown(IEnumerable<PromptSegment> segments) =>
        string.Concat(segments.Select(segment => segment.Text ?? "«image»"));

    [Fact]
    public void Finds_the_places_that_a_template_prints_for_its_parts()
    {
        ChatPromptRenderer renderer = Renderer("qwen-vl.jinja", "<|image_pad|>", "<|vision_start|><|image_pad|><|vision_end|>");
        Assert.True(renderer.TakesParts);
        Assert.Equal(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nSee «image» and «image»<|im_end|>\n<|im_start|>assistant\n",
            Shown(renderer.Render(TwoImages, addGenerationPrompt: true))
        );
    }

    [Fact]
    public void Puts_a_marker_into_the_string_of_a_template_for_strings()
    {
        ChatPromptRenderer renderer = Renderer("chatml.jinja", "<image>");
        Assert.False(renderer.TakesParts);
        Assert.Equal(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nSee «image» and «image»<|im_end|>\n<|im_start|>assistant\n\n",
            Shown(renderer.Render(TwoImages, addGenerationPrompt: true))
        );
    }

    [Fact]
    public void Gives_parts_to_a_template_that_takes_nothing_else()
    {
        const string Source =
            "{% for m in messages %}{{ m.role }}:{% for p in m.content | selectattr('type', 'equalto', 'image') %}<image>\n"
            + "{% endfor %}{% for p in m.content | selectattr('type', 'equalto', 'text') %}{{ p.text }}{% endfor %};{% endfor %}";
        ChatPromptRenderer renderer = new(ChatTemplate.Parse(Source, "parts"), ["<image>\n", "<image>"]);
        Assert.Equal("system:Be brief.;user:«image»«image»See  and ;", Shown(renderer.Render(TwoImages, addGenerationPrompt: true)));
    }

    [Fact]
    public void Leaves_a_typed_placeholder_alone_without_images_and_fails_when_places_are_missing()
    {
        ChatPromptRenderer renderer = Renderer("qwen-vl.jinja", "<other>");
        Assert.Single(renderer.Render([new ChatTemplateMessage("user", "<other>")], addGenerationPrompt: false));
        TemplateException failure = Assert.Throws<TemplateException>(() => renderer.Render(TwoImages, addGenerationPrompt: true));
        Assert.Contains("0 image places for 2 images", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tells_where_a_wanted_text_stands_unless_the_template_changes_it()
    {
        ChatTemplateMessage[] messages =
        [
            new("user", "Hi \uE000image\uE001"),
            new("assistant", [new ChatTemplatePart("Hello", Slot: 7)]),
            new("user", [ChatTemplatePart.Image, new("What?")]),
        ];
        IReadOnlyList<PromptSegment> segments = Renderer("chatml.jinja", "<image>").Render(messages, addGenerationPrompt: true);
        Assert.Equal("Hello", Assert.Single(segments, static segment => segment.Slot == 7).Text);
        Assert.Single(segments, static segment => segment.IsImage);
        Assert.Contains("Hi \uE000image\uE001", Shown(segments), StringComparison.Ordinal);

        ChatTemplate upper = ChatTemplate.Parse("{% for m in messages %}{{ m.content | upper }}{% endfor %}", "upper");
        Assert.DoesNotContain(new ChatPromptRenderer(upper, []).Render([messages[1]], false), static segment => segment.Slot is not null);
    }
}
