using System.ClientModel;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using Tessera.Gguf;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Tools, for a model whose template has a place for them: the small one with the template of Hermes 2 Pro's kind.</summary>
public sealed class ToolTests : IAsyncLifetime
{
    private const string Template = """
        {%- if tools %}{{- '<|im_start|>system\nTools: ' }}{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}
        {{- '\nFor each call return {"name": <function-name>, "arguments": <args-json-object>} within <tool_call></tool_call>.<|im_end|>\n' }}{%- endif %}
        {%- for message in messages %}
        {%- if message.role == 'tool' %}{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
        {%- elif message.tool_calls %}{{- '<|im_start|>assistant' }}{%- for call in message.tool_calls %}
        {{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' + (call.function.arguments | tojson) + '}\n</tool_call>' }}{%- endfor %}{{- '<|im_end|>\n' }}
        {%- else %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
        """;

    private static readonly ChatTool Weather = ChatTool.CreateFunctionTool(
        "get_weather",
        "The weather.",
        BinaryData.FromString("""{"type":"object","properties":{"city":{"enum":["Paris","Rome"]}},"required":["city"]}""")
    );

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-serve-");
    private TinyServer? server;

    public async Task InitializeAsync()
    {
        string path = Path.Combine(folder.FullName, "tools.gguf");
        WriteWithTemplate(path);
        server = await TinyServer.StartAsync(
            TinyServer.Options with
            {
                Models = () => [new ServedModel("tools", new ModelOptions { ModelPath = path })],
            }
        );
    }

    public async Task DisposeAsync()
    {
        await server!.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_required_call_comes_whole_streamed_and_goes_back_with_its_result()
    {
        ChatClient client = new OpenAIClient(
            new ApiKeyCredential("unused"),
            new OpenAIClientOptions { Endpoint = new Uri(server!.Address, "v1") }
        ).GetChatClient("tools");
        var options = new ChatCompletionOptions
        {
            Temperature = 0,
            MaxOutputTokenCount = 200,
            Tools = { Weather },
            ToolChoice = ChatToolChoice.CreateRequiredChoice(),
            AllowParallelToolCalls = false,
        };
        ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage("Weather?")], options);
        Assert.Equal(ChatFinishReason.ToolCalls, answer.FinishReason);
        ChatToolCall call = Assert.Single(answer.ToolCalls);
        Assert.Equal("get_weather", call.FunctionName);
        string city = JsonDocument.Parse(call.FunctionArguments).RootElement.GetProperty("city").GetString()!;
        Assert.True(city is "Paris" or "Rome");

        string name = "",
            arguments = "";
        await foreach (
            StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync([new UserChatMessage("Weather?")], options)
        )
        {
            foreach (StreamingChatToolCallUpdate piece in update.ToolCallUpdates)
                (name, arguments) = (name + piece.FunctionName, arguments + piece.FunctionArgumentsUpdate);
        }

        Assert.Equal(call.FunctionName, name);
        Assert.Equal(call.FunctionArguments.ToString(), arguments);

        options.ToolChoice = ChatToolChoice.CreateAutoChoice();
        options.MaxOutputTokenCount = 4;
        ChatCompletion next = await client.CompleteChatAsync(
            [new UserChatMessage("Weather?"), new AssistantChatMessage(answer), new ToolChatMessage(call.Id, "Sunny.")],
            options
        );
        Assert.True(next.Usage.InputTokenCount > answer.Usage.InputTokenCount);
    }

    [Fact]
    public async Task A_responses_call_is_an_item_of_its_own()
    {
        const string Asked = """
            {"model":"tools","temperature":0,"max_output_tokens":200,"stream":STREAM,"tool_choice":"required","parallel_tool_calls":false,"input":"Weather?",
            "tools":[{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"enum":["Rome"]}},"required":["city"]}}]}
            """;
        (_, JsonElement whole) = await server!.PostAsync("/v1/responses", Asked.Replace("STREAM", "false", StringComparison.Ordinal));
        JsonElement item = Assert.Single(whole.GetProperty("output").EnumerateArray());
        Assert.Equal("function_call", item.GetProperty("type").GetString());
        Assert.Equal("get_weather", whole.GetProperty("tools")[0].GetProperty("name").GetString());
        using var content = new StringContent(Asked.Replace("STREAM", "true", StringComparison.Ordinal));
        using HttpResponseMessage response = await server.Http.PostAsync("/v1/responses", content);
        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n');
        Assert.Equal(
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed",
            ],
            lines.Where(static line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(static line => line[7..])
        );
        Assert.Contains("\"arguments\":\"{\\\"city\\\":\\\"Rome\\\"}\"", string.Concat(lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ollama_calls_have_arguments_as_objects()
    {
        (_, JsonElement shown) = await server!.PostAsync("/api/show", """{"model":"tools"}""");
        Assert.Contains("tools", shown.GetProperty("capabilities").EnumerateArray().Select(static item => item.GetString()));
        (int status, JsonElement body) = await server.PostAsync(
            "/api/chat",
            """
            {"model":"tools","stream":false,"options":{"temperature":0,"num_predict":200},"tool_choice":"required","messages":[
            {"role":"user","content":"Weather?"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_weather","arguments":{"city":"Rome"}}}]},
            {"role":"tool","tool_name":"get_weather","content":"Sunny."},{"role":"user","content":"And elsewhere?"}],
            "tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"enum":["Paris"]}},"required":["city"]}}}]}
            """
        );
        Assert.Equal(200, status);
        JsonElement function = body.GetProperty("message").GetProperty("tool_calls")[0].GetProperty("function");
        Assert.Equal("get_weather", function.GetProperty("name").GetString());
        Assert.Equal("Paris", function.GetProperty("arguments").GetProperty("city").GetString());
    }

    private static void WriteWithTemplate(string path)
    {
        using GgufFile original = GgufFile.Open(TinyServer.Files.ModelPath);
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in original.Metadata.Where(static entry => entry.Key != "tokenizer.chat_template"))
            writer.AddMetadata(key, value);
        writer.AddMetadata("tokenizer.chat_template", GgufValue.From(Template));
        foreach (GgufTensor tensor in original.Tensors)
        {
            byte[] data = original.GetTensorData(tensor, 0, (int)tensor.ByteLength).ToArray();
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape.AsSpan(), stream => stream.Write(data));
        }

        writer.Save(path);
    }
}
