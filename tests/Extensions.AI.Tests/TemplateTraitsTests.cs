using Tessera.Extensions.AI.Tests.Support;
using Tessera.Templates;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What chat templates can do, found without knowing their models.</summary>
public sealed class TemplateTraitsTests
{
    [Fact]
    public void Templates_are_known_by_probes_and_words()
    {
        var hermes = new TemplateTraits(TemplateSources.Parse(TemplateSources.Hermes));
        Assert.True(hermes is { TakesTools: true, TakesResults: true, HasThinkingSwitch: true, HasThoughts: true, HasEffort: false, Format: JsonCallFormat });
        Assert.True(new TemplateTraits(TemplateSources.Parse(TemplateSources.Plain)) is { TakesTools: false, TakesResults: false, HasThoughts: false, Format: null });
        Assert.True(new TemplateTraits(null) is { TakesTools: false, TakesResults: false, HasThoughts: false, Format: null });
        Assert.False(hermes.OpensThought(new Dictionary<string, TemplateValue>()));
        Assert.True(new TemplateTraits(TemplateSources.Parse(TemplateSources.OpensThought)).OpensThought(new Dictionary<string, TemplateValue>()));
    }

    /// <summary>Runs where TESSERA_TEMPLATES names llama.cpp's folder models/templates (v0.5.0); its files are not ours to ship.</summary>
    [Theory]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", "<tool_call>\n{\"name\": \"f\", \"arguments\": ", false)]
    [InlineData("Qwen-Qwen3-0.6B", "<tool_call>\n{\"name\": \"f\", \"arguments\": ", true)]
    [InlineData("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "<tool_call>\n{\"name\": \"f\", \"arguments\": ", false)]
    [InlineData("Qwen3-Coder", "<tool_call>\n<function=f>\n", false)]
    [InlineData("GLM-4.6", "<tool_call>f\n", true)]
    [InlineData("meta-llama-Llama-3.1-8B-Instruct", "{\"name\": \"f\", \"parameters\": ", false)]
    [InlineData("meta-llama-Llama-3.2-3B-Instruct", "{\"name\": \"f\", \"parameters\": ", false)]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": ", false)]
    [InlineData("Mistral-Small-3.2-24B-Instruct-2506", "[TOOL_CALLS]f[ARGS]", false)]
    [InlineData("NVIDIA-Nemotron-Nano-v2", "<TOOLCALL>[{\"name\": \"f\", \"arguments\": ", true)]
    [InlineData("meetkai-functionary-medium-v3.1", "<function=f>", false)]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct", null, true)]
    [InlineData("google-gemma-2-2b-it", null, false)]
    [InlineData("microsoft-Phi-3.5-mini-instruct", null, false)]
    public void The_collections_templates_are_known(string name, string? start, bool hasThoughts)
    {
        if (Environment.GetEnvironmentVariable("TESSERA_TEMPLATES") is not string folder) return;
        var traits = new TemplateTraits(ChatTemplate.Parse(File.ReadAllText(Path.Combine(folder, $"{name}.jinja")), name));
        Assert.Equal((start, hasThoughts), (traits.TakesTools ? traits.Format?.StartOf("f") : null, traits.HasThoughts));
    }
}
