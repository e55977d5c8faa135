using Microsoft.Extensions.AI;
using Tessera.ChatTemplates;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What a request becomes for the engine: every part arrives in its place, or is refused by name.</summary>
public sealed class RequestTests
{
    private static readonly byte[] Png = File.ReadAllBytes(RepositoryRoot.Path("samples", "heart.png"));
    private static readonly AITool Find = AIFunctionFactory.Create(
        (string query, int limit) => $"{query} {limit}",
        "find",
        "Finds things."
    );

    [Fact]
    public async Task Texts_and_pictures_keep_their_places()
    {
        var model = new FakeModel(TemplateSources.Hermes, "ok");
        string file = new Uri(RepositoryRoot.Path("samples", "heart.png")).AbsoluteUri;
        await model
            .Client(allowFileUris: true)
            .GetResponseAsync(
                [
                    new ChatMessage(ChatRole.System, "Be brief."),
                    new ChatMessage(
                        ChatRole.User,
                        [
                            new TextContent("First "),
                            new DataContent(Png, "image/png"),
                            new TextContent(" then "),
                            new UriContent(file, "image/png"),
                        ]
                    ),
                    new ChatMessage(ChatRole.Assistant, "Two hearts."),
                    new ChatMessage(
                        ChatRole.User,
                        [new UriContent("data:image/png;base64," + Convert.ToBase64String(Png), "image/png"), new TextContent("And now?")]
                    ),
                ],
                new ChatOptions { Instructions = "Speak English." }
            );
        Transcript asked = Assert.Single(model.Asked);
        Assert.Equal(
            ["system:Speak English.\n\nBe brief.", "user:First *| then *", "assistant:Two hearts.", "user:*And now?"],
            asked.Messages.Select(Shown)
        );
        Assert.Equal(3, asked.Images.Count);
        Assert.All(asked.Images, image => Assert.Equal(Png, image.Data));
        Assert.Equal("message 1, part 1 (DataContent, image/png)", asked.Images[0].Name);
    }

    public static TheoryData<string, string> RefusedParts =>
        new()
        {
            { "audio", "audio/wav, but the model takes only text and pictures" },
            { "lie", "declared as image/jpeg, but its bytes are image/png" },
            { "uri lie", "declared as image/jpeg, but its data URI says image/png" },
            { "data uri lie", "declared as image/webp, but its bytes are image/png" },
            { "no picture", "its bytes are no picture" },
            { "http", "download it first" },
            { "ftp", "scheme ftp" },
            { "missing", "no such file" },
            { "device", "only regular files" },
            { "file unasked", "not read unless AllowFileUris is set" },
            { "broken uri", "cannot be read" },
            { "file id", "takes no such part from the role user" },
            { "call", "takes no such part from the role user" },
        };

    [Theory]
    [MemberData(nameof(RefusedParts))]
    public async Task A_part_that_cannot_be_used_is_refused_by_its_place(string kind, string problem)
    {
        string base64 = Convert.ToBase64String(Png);
        AIContent part = kind switch
        {
            "audio" => new DataContent(Png, "audio/wav"),
            "lie" => new DataContent(Png, "image/jpeg"),
            "uri lie" => new UriContent("data:image/png;base64," + base64, "image/jpeg"),
            "data uri lie" => new DataContent("data:image/webp;base64," + base64),
            "no picture" => new DataContent(new byte[100], "image/png"),
            "http" => new UriContent("https://example.org/cat.png", "image/png"),
            "ftp" => new UriContent("ftp://example.org/cat.png", "image/png"),
            "missing" => new UriContent("file:///nowhere/cat.png", "image/png"),
            "device" => new UriContent("file:///dev/zero", "image/png"),
            "file unasked" => new UriContent(new Uri(RepositoryRoot.Path("samples", "heart.png")), "image/png"),
            "broken uri" => new UriContent("data:image/png;base64,@@@", "image/png"),
            "file id" => new HostedFileContent("file-1"),
            _ => new FunctionCallContent("1", "find"),
        };
        var model = new FakeModel(TemplateSources.Hermes, "ok");
        ChatMessage[] messages = [new(ChatRole.System, "s"), new(ChatRole.User, [new TextContent("See"), part])];
        ChatContentException refused = await Assert
            .ThrowsAsync<ChatContentException>(() => model.Client(allowFileUris: kind != "file unasked").GetResponseAsync(messages))
            .WaitAsync(Patience.Limit);
        Assert.Equal((1, 1), (refused.MessageIndex, refused.PartIndex));
        Assert.Contains(part.GetType().Name, refused.Message);
        Assert.Contains(problem, refused.Message);
        Assert.Empty(model.Asked);
    }

    [Fact]
    public async Task Pictures_from_others_than_users_and_unknown_roles_are_refused()
    {
        var model = new FakeModel(TemplateSources.Hermes, "ok");
        await Assert.ThrowsAsync<ChatContentException>(() =>
            model.Client().GetResponseAsync([new ChatMessage(ChatRole.Assistant, [new DataContent(Png, "image/png")])])
        );
        TesseraException role = await Assert.ThrowsAsync<TesseraException>(() =>
            model.Client().GetResponseAsync([new ChatMessage(new ChatRole("narrator"), "Once")])
        );
        Assert.Contains("message 0: the role narrator", role.Message);
    }

    [Fact]
    public async Task Options_are_mapped()
    {
        var model = new FakeModel(TemplateSources.Hermes, "ok", "ok");
        await model
            .Client()
            .GetResponseAsync(
                "Hi",
                new ChatOptions
                {
                    Temperature = 0.5f,
                    TopP = 0.8f,
                    TopK = 7,
                    Seed = 42,
                    StopSequences = ["END"],
                    MaxOutputTokens = 99,
                    FrequencyPenalty = 0.1f,
                    PresencePenalty = 0.2f,
                    AdditionalProperties = new AdditionalPropertiesDictionary { ["min_p"] = 0.01, ["repeat_penalty"] = "1.1" },
                }
            );
        GenerationOptions mapped = model.Options[0];
        Assert.Equal((0.5f, 0.8f, 7, 42u, 99), (mapped.Temperature, mapped.TopP, mapped.TopK, mapped.Seed!.Value, mapped.MaxTokens));
        Assert.Equal(
            (0.1f, 0.2f, 0.01f, 1.1f, "END"),
            (mapped.FrequencyPenalty, mapped.PresencePenalty, mapped.MinP, mapped.RepeatPenalty, Assert.Single(mapped.StopStrings))
        );

        await model
            .Client()
            .GetResponseAsync(
                "Hi",
                new ChatOptions
                {
                    RawRepresentationFactory = _ => new GenerationOptions { PenaltyWindow = 5, MaxTokens = 8 },
                    MaxOutputTokens = 9,
                }
            );
        Assert.Equal((5, 9), (model.Options[1].PenaltyWindow, model.Options[1].MaxTokens));
    }

    [Fact]
    public async Task Options_that_cannot_be_followed_are_refused_by_name()
    {
        async Task Refuses(string option, ChatOptions options, string template = TemplateSources.Hermes)
        {
            ChatOptionException refused = await Assert.ThrowsAsync<ChatOptionException>(() =>
                new FakeModel(template, "ok").Client().GetResponseAsync("Hi", options)
            );
            Assert.Equal(option, refused.Option);
        }

        await Refuses("ConversationId", new ChatOptions { ConversationId = "1" });
        await Refuses("ModelId", new ChatOptions { ModelId = "other" });
        await Refuses("Tools", new ChatOptions { Tools = [Find] }, TemplateSources.Plain);
        await Refuses("Tools", new ChatOptions { Tools = [new HostedWebSearchTool()] });
        await Refuses(
            "Tools",
            new ChatOptions { Tools = [Find] },
            TemplateSources.Hermes.Replace("<tool_call>", "<<call>>", StringComparison.Ordinal)
        );
        await Refuses("ToolMode", new ChatOptions { ToolMode = ChatToolMode.RequireAny });
        await Refuses("ToolMode", new ChatOptions { Tools = [Find], ToolMode = ChatToolMode.RequireSpecific("other") });
        await Refuses(
            "AdditionalProperties[\"min_p\"]",
            new ChatOptions { AdditionalProperties = new AdditionalPropertiesDictionary { ["min_p"] = "much" } }
        );
        await Assert.ThrowsAsync<ChatContentException>(() =>
            new FakeModel(TemplateSources.Plain, "ok")
                .Client()
                .GetResponseAsync([new ChatMessage(ChatRole.Tool, [new FunctionResultContent("1", "x")])])
        );
    }

    [Fact]
    public async Task Tools_reach_the_template_unless_they_are_off()
    {
        var model = new FakeModel(
            TemplateSources.Hermes,
            "ok",
            "ok",
            "find\", \"arguments\": {\"query\": \"a\", \"limit\": 1}}</tool_call>"
        );
        await model.Client().GetResponseAsync("Hi", new ChatOptions { Tools = [Find] });
        string prompt = Prompt(TemplateSources.Hermes, model.Asked[0]);
        Assert.Contains("\"name\": \"find\", \"description\": \"Finds things.\"", prompt);
        Assert.Contains("\"limit\": {\"type\": \"integer\"}", prompt);
        Assert.Contains("<tool_call>", model.Options[0].ShownTokens);
        await model.Client().GetResponseAsync("Hi", new ChatOptions { Tools = [Find], ToolMode = ChatToolMode.None });
        Assert.DoesNotContain("find", Prompt(TemplateSources.Hermes, model.Asked[1]));
        ChatResponse forced = await model
            .Client()
            .GetResponseAsync("Hi", new ChatOptions { Tools = [Find], ToolMode = ChatToolMode.RequireAny });
        Assert.Equal("<tool_call>\n{\"name\": \"", model.Asked[2].AnswerStart);
        Assert.Equal("a", Assert.IsType<FunctionCallContent>(Assert.Single(forced.Messages[0].Contents)).Arguments!["query"]!.ToString());
    }

    [Theory]
    [InlineData("Hermes")]
    [InlineData("Mistral")]
    public async Task Calls_and_results_reach_the_template(string name)
    {
        string template = name == "Hermes" ? TemplateSources.Hermes : TemplateSources.Mistral;
        var model = new FakeModel(template, "ok");
        var call = new FunctionCallContent(
            "call-with-a-long-id",
            "find",
            new Dictionary<string, object?>
            {
                ["query"] = "a \"b\"",
                ["limit"] = 2,
                ["none"] = null,
            }
        );
        await model
            .Client()
            .GetResponseAsync(
                [
                    new ChatMessage(ChatRole.User, "Find"),
                    new ChatMessage(ChatRole.Assistant, [new TextReasoningContent("hm"), new TextContent("I look."), call]),
                    new ChatMessage(
                        ChatRole.Tool,
                        [
                            new FunctionResultContent("call-with-a-long-id", new[] { "x", "y" }),
                            new FunctionResultContent("other", null) { Exception = new InvalidOperationException("No luck.") },
                        ]
                    ),
                ],
                new ChatOptions { Tools = [Find] }
            );
        string prompt = Prompt(template, model.Asked[0]);
        Assert.Contains(
            "{\"query\": \"a \\\"b\\\"\", \"limit\": 2, \"none\": null}".Replace(" ", "", StringComparison.Ordinal),
            prompt.Replace(" ", "", StringComparison.Ordinal)
        );
        Assert.Contains("<tool_response>[\"x\",\"y\"]</tool_response>", prompt);
        Assert.Contains("<tool_response>Error: No luck.</tool_response>", prompt);
        ChatTemplateMessage result = model.Asked[0].Messages[2];
        Assert.Equal(("find", 9), (result.ToolName, result.ToolCallId!.Length));
        Assert.Equal(result.ToolCallId, model.Asked[0].Messages[1].ToolCalls[0].Id);
    }

    [Fact]
    public async Task Thinking_is_switched_where_the_template_can()
    {
        var model = new FakeModel(TemplateSources.OpensThought, "a thought</think>Yes", "No", "Plain");
        ChatResponse thought = await model.Client().GetResponseAsync("Hi");
        Assert.Equal("a thought", Assert.IsType<TextReasoningContent>(thought.Messages[0].Contents[0]).Text);
        Assert.Equal("Yes", thought.Text);
        ChatResponse quiet = await model
            .Client()
            .GetResponseAsync("Hi", new ChatOptions { Reasoning = new ReasoningOptions { Effort = ReasoningEffort.None } });
        Assert.EndsWith("<think></think>", Prompt(TemplateSources.OpensThought, model.Asked[1]));
        Assert.Equal("No", quiet.Text);

        var hidden = new FakeModel(TemplateSources.Hermes, "<think>secret</think>Yes");
        ChatResponse shown = await hidden
            .Client()
            .GetResponseAsync(
                "Hi",
                new ChatOptions
                {
                    Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High, Output = ReasoningOutput.None },
                }
            );
        Assert.Equal("Yes", Assert.IsType<TextContent>(Assert.Single(shown.Messages[0].Contents)).Text);
    }

    private static string Prompt(string template, Transcript transcript) =>
        string.Concat(
            new ChatPromptRenderer(TemplateSources.Parse(template), ["<image>"])
                .Render(transcript.Messages, true, "", "", transcript.Variables)
                .Select(static segment => segment.Text)
        );

    private static string Shown(ChatTemplateMessage message)
    {
        string parts = string.Join('|', message.Parts.Select(static part => part.Text ?? "*"));
        return $"{message.Role}:{parts.Replace("|*", "*", StringComparison.Ordinal).Replace("*|A", "*A", StringComparison.Ordinal)}";
    }
}
