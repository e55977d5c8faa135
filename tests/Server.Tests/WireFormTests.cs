using System.Text;
using System.Text.Json;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>The fields of answers, as OpenAI's reference and Ollama's documentation list them.</summary>
public sealed class WireFormTests(TinyServer server) : IClassFixture<TinyServer>
{
    private const string Hello = """ "model":"tiny","temperature":0,"max_tokens":4 """;
    private const string Messages = """ "messages":[{"role":"user","content":"Hello"}] """;

    [Fact]
    public async Task A_chat_completion_has_the_fields_of_the_reference()
    {
        (_, JsonElement body) = await server.PostAsync(
            "/v1/chat/completions",
            $$"""{ {{Hello}},{{Messages}},"logprobs":true,"top_logprobs":2}"""
        );
        AssertHas(body, "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier");
        JsonElement choice = body.GetProperty("choices")[0];
        AssertHas(choice, "index", "message", "logprobs", "finish_reason");
        AssertHas(choice.GetProperty("message"), "role", "content", "refusal", "annotations");
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("logprobs").GetProperty("refusal").ValueKind);
        JsonElement token = choice.GetProperty("logprobs").GetProperty("content")[0];
        Assert.Equal(2, token.GetProperty("top_logprobs").GetArrayLength());
        AssertHas(token.GetProperty("top_logprobs")[0], "token", "logprob", "bytes");
        byte[] bytes = [.. token.GetProperty("bytes").EnumerateArray().Select(static value => value.GetByte())];
        Assert.Equal(token.GetProperty("token").GetString(), Encoding.UTF8.GetString(bytes));
        JsonElement usage = body.GetProperty("usage");
        AssertHas(usage, "prompt_tokens", "completion_tokens", "total_tokens");
        AssertHas(usage.GetProperty("prompt_tokens_details"), "cached_tokens", "audio_tokens");
        AssertHas(
            usage.GetProperty("completion_tokens_details"),
            "reasoning_tokens",
            "audio_tokens",
            "accepted_prediction_tokens",
            "rejected_prediction_tokens"
        );
    }

    [Fact]
    public async Task A_stream_tells_its_usage_last_and_null_before_where_it_was_asked_to()
    {
        JsonElement[] chunks = await EventsAsync(
            "/v1/chat/completions",
            $$"""{ {{Hello}},{{Messages}},"stream":true,"stream_options":{"include_usage":true} }"""
        );
        Assert.All(chunks, static chunk => AssertHas(chunk, "id", "object", "created", "model", "system_fingerprint", "choices", "usage"));
        Assert.All(chunks[..^1], static chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("usage").ValueKind));
        Assert.Equal(0, chunks[^1].GetProperty("choices").GetArrayLength());
        Assert.Equal(4, chunks[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Equal("assistant", chunks[0].GetProperty("choices")[0].GetProperty("delta").GetProperty("role").GetString());
        Assert.Equal("length", chunks[^2].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        chunks = await EventsAsync("/v1/chat/completions", $$"""{ {{Hello}},{{Messages}},"stream":true}""");
        Assert.All(chunks, static chunk => Assert.False(chunk.TryGetProperty("usage", out _)));
    }

    [Fact]
    public async Task A_response_says_again_what_it_was_asked()
    {
        (int status, JsonElement body) = await server.PostAsync(
            "/v1/responses",
            """
            {"model":"tiny","input":"Hello","instructions":"Be short.","temperature":0,"max_output_tokens":16,"metadata":{"a":"b"},"top_logprobs":1,
            "include":["message.output_text.logprobs"],"tool_choice":"none"}
            """
        );
        Assert.Equal(200, status);
        Assert.Equal("Be short.", body.GetProperty("instructions").GetString());
        Assert.Equal("b", body.GetProperty("metadata").GetProperty("a").GetString());
        Assert.Equal("none", body.GetProperty("tool_choice").GetString());
        Assert.Equal("text", body.GetProperty("text").GetProperty("format").GetProperty("type").GetString());
        Assert.Equal((16, 0), (body.GetProperty("max_output_tokens").GetInt32(), body.GetProperty("temperature").GetInt32()));
        AssertHas(body, "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "model", "output", "top_p");
        AssertHas(
            body,
            "parallel_tool_calls",
            "previous_response_id",
            "reasoning",
            "store",
            "tools",
            "truncation",
            "usage",
            "user",
            "background"
        );
        JsonElement part = body.GetProperty("output")[0].GetProperty("content")[0];
        AssertHas(part, "type", "text", "annotations", "logprobs");
        AssertHas(part.GetProperty("logprobs")[0], "token", "logprob", "bytes", "top_logprobs");
        AssertHas(
            body.GetProperty("usage"),
            "input_tokens",
            "input_tokens_details",
            "output_tokens",
            "output_tokens_details",
            "total_tokens"
        );
    }

    [Fact]
    public async Task A_responses_events_come_in_order_and_numbered()
    {
        JsonElement[] events = await EventsAsync(
            "/v1/responses",
            """{"model":"tiny","input":"Hello","temperature":0,"max_output_tokens":4,"stream":true}"""
        );
        string[] types = [.. events.Select(static happened => happened.GetProperty("type").GetString()!)];
        Assert.Equal(
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.incomplete",
            ],
            types.Distinct()
        );
        Assert.Equal(
            Enumerable.Range(0, events.Length),
            events.Select(static happened => happened.GetProperty("sequence_number").GetInt32())
        );
        foreach (
            JsonElement delta in events.Where(static happened => happened.GetProperty("type").GetString() == "response.output_text.delta")
        )
            AssertHas(delta, "item_id", "output_index", "content_index", "delta", "logprobs");
        JsonElement item = events[^2].GetProperty("item");
        Assert.Equal("incomplete", item.GetProperty("status").GetString());
        Assert.Equal(item.GetRawText(), events[^1].GetProperty("response").GetProperty("output")[0].GetRawText());
    }

    [Fact]
    public async Task Ollamas_answers_have_the_documented_fields()
    {
        (_, JsonElement chat) = await server.PostAsync(
            "/api/chat",
            $$"""{"model":"tiny","stream":false,"logprobs":true,"top_logprobs":1,{{Messages}},"options":{"num_predict":4} }"""
        );
        AssertHas(chat, "model", "created_at", "message", "done", "done_reason", "total_duration", "load_duration", "prompt_eval_count");
        AssertHas(chat, "prompt_eval_duration", "eval_count", "eval_duration");
        AssertHas(chat.GetProperty("message"), "role", "content");
        AssertHas(chat.GetProperty("logprobs")[0], "token", "logprob", "bytes", "top_logprobs");
        (_, JsonElement shown) = await server.PostAsync("/api/show", """{"model":"tiny:latest"}""");
        AssertHas(shown, "license", "modelfile", "parameters", "template", "details", "model_info", "capabilities", "modified_at");
        JsonElement info = shown.GetProperty("model_info");
        AssertHas(info, "general.architecture", "general.parameter_count", "general.basename", "llama.context_length");
        JsonElement tags = JsonDocument.Parse(await server.Http.GetStringAsync("/api/tags")).RootElement.GetProperty("models")[0];
        AssertHas(tags, "name", "model", "modified_at", "size", "digest", "details");
        Assert.Matches("^[0-9a-f]{64}$", tags.GetProperty("digest").GetString());
        AssertHas(tags.GetProperty("details"), "parent_model", "format", "family", "families", "parameter_size", "quantization_level");
        JsonElement running = JsonDocument.Parse(await server.Http.GetStringAsync("/api/ps")).RootElement.GetProperty("models")[0];
        AssertHas(running, "name", "model", "size", "digest", "details", "expires_at", "size_vram", "context_length");
        // Editors refuse what is older than the tools' API.
        JsonElement version = JsonDocument.Parse(await server.Http.GetStringAsync("/api/version")).RootElement;
        Assert.True(Version.Parse(version.GetProperty("version").GetString()!) >= new Version(0, 6, 4));
    }

    private async Task<JsonElement[]> EventsAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await server.Http.PostAsync(path, content);
        Assert.Equal(200, (int)response.StatusCode);
        string text = await response.Content.ReadAsStringAsync();
        return
        [
            .. text.Split('\n')
                .Where(static line => line.StartsWith("data: {", StringComparison.Ordinal))
                .Select(static line => JsonElement.Parse(line["data: ".Length..])),
        ];
    }

    private static void AssertHas(JsonElement value, params string[] names) =>
        Assert.All(names, name => Assert.True(value.TryGetProperty(name, out _), $"{name} is not in {value}"));
}
