namespace Tessera.Extensions.AI.Tests.Support;

/// <summary>How a call of f begins with each template of llama.cpp's collection (v0.5.0, models/templates); the test that reads it says
/// what else there is.</summary>
internal static class CollectionFormats
{
    public const string Expected = """
        Apertus-8B-Instruct: <|tools_prefix|>[{"f":  | thoughts
        Apriel-1.6-15b-Thinker-fixed: <tool_calls>[{"name": "f", "arguments": 
        Bielik-11B-v3.0-Instruct: <tool_call>\n{"name": "f", "arguments":  | thoughts
        ByteDance-Seed-OSS: <seed:tool_call>\n<function=f>\n | thoughts
        Cohere2MoE: <|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "f", "parameters":  | thoughts
        CohereForAI-c4ai-command-r-plus-tool_use: Action:\n```json\n[\n    {"tool_name": "f", "parameters": 
        CohereForAI-c4ai-command-r7b-12-2024-tool_use: <|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "f", "parameters":  | thoughts
        GLM-4.6: <tool_call>f\n | thoughts
        GLM-4.7-Flash: <tool_call>f\n | thoughts
        GigaChat3-10B-A1.8B: ?
        GigaChat3.1-10B-A1.8B: <|function_call|>{"name": "f", "arguments": 
        HuggingFaceTB-SmolLM3-3B: - | thoughts
        Kimi-K2-Instruct: -
        Kimi-K2-Thinking: - | thoughts
        Kimi-K3: ?
        LFM2-8B-A1B: <|tool_call_start|>[f( | told
        LFM2.5-8B-A1B: <|tool_call_start|>[f( | thoughts
        LFM2.5-Instruct: <|tool_call_start|>[f( | thoughts | told
        MiMo-VL: <tool_call>\n{"name": "f", "arguments": 
        MiniMax-M1: <tool_calls>\n{"name": "f", "arguments": 
        MiniMax-M2: <minimax:tool_call>\n<invoke name="f">\n | thoughts
        MiniMax-M3: ?
        Mistral-Small-3.2-24B-Instruct-2506: [TOOL_CALLS]f[ARGS]
        NVIDIA-Nemotron-3-Nano-30B-A3B-BF16: <tool_call>\n<function=f>\n | thoughts
        NVIDIA-Nemotron-Nano-v2: <TOOLCALL>[{"name": "f", "arguments":  | thoughts
        NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use: <tool_call>\n{"name": "f", "arguments": 
        NousResearch-Hermes-3-Llama-3.1-8B-tool_use: <tool_call>\n{"name": "f", "arguments": 
        Qwen-QwQ-32B: <tool_call>\n{"name": "f", "arguments":  | thoughts
        Qwen-Qwen2.5-7B-Instruct: <tool_call>\n{"name": "f", "arguments": 
        Qwen-Qwen3-0.6B: <tool_call>\n{"name": "f", "arguments":  | thoughts
        Qwen3-Coder: <tool_call>\n<function=f>\n
        Qwen3.5-4B: <tool_call>\n<function=f>\n | thoughts
        Reka-Edge: <tool_call>\n{"name": "f", "arguments":  | thoughts
        Spark2.5: <tool_call>f\n | thoughts
        StepFun3.5-Flash: <tool_call>\n<function=f>\n | thoughts
        deepseek-ai-DeepSeek-R1-Distill-Llama-8B: - | thoughts
        deepseek-ai-DeepSeek-R1-Distill-Qwen-32B: - | thoughts
        deepseek-ai-DeepSeek-V3.1: - | thoughts
        deepseek-ai-DeepSeek-V3.2: <｜DSML｜function_calls>\n<｜DSML｜invoke name="f">\n | thoughts
        deepseek-ai-DeepSeek-V4: <｜DSML｜tool_calls>\n<｜DSML｜invoke name="f">\n | thoughts
        deepseek-ai-DeepSeek-V4-Flash-0731: <｜DSML｜tool_calls>\n<｜DSML｜invoke name="f">\n | thoughts
        fireworks-ai-llama-3-firefunction-v2:  functools[{"name": "f", "arguments": 
        google-gemma-2-2b-it: -
        google-gemma-4-31B-it: <|tool_call>call:f{ | thoughts
        google-gemma-4-31B-it-interleaved: <|tool_call>call:f{ | thoughts
        ibm-granite-granite-3.3-2B-Instruct: <|tool_call|>[{"name": "f", "arguments":  | thoughts | told
        ibm-granite-granite-4.0: <tool_call>\n{"name": "f", "arguments": 
        ibm-granite-granite-4.1: <tool_call>\n{"name": "f", "arguments": 
        inclusionai-ling-3.0-flash: <tool_call>f\n | thoughts
        llama-cpp-deepseek-r1: - | thoughts
        llama-cpp-rwkv-world: - | thoughts
        meetkai-functionary-medium-v3.1: <function=f>
        meetkai-functionary-medium-v3.2: ?
        meta-llama-Llama-3.1-8B-Instruct: {"name": "f", "parameters": 
        meta-llama-Llama-3.2-3B-Instruct: {"name": "f", "parameters": 
        meta-llama-Llama-3.3-70B-Instruct: {"name": "f", "parameters": 
        microsoft-Phi-3.5-mini-instruct: -
        mistralai-Ministral-3-14B-Reasoning-2512: [TOOL_CALLS]f[ARGS] | thoughts
        mistralai-Mistral-Nemo-Instruct-2407: [TOOL_CALLS][{"name": "f", "arguments": 
        moonshotai-Kimi-K2: <|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>
        muse-glimmer: ?
        openai-gpt-oss-120b: <|channel|>commentary to=functions.f <|constrain|>json<|message|> | thoughts
        openbmb-MiniCPM5-1B: <function name="f"> | thoughts
        poolside-Laguna-S-2.1: <tool_call>f\n | thoughts
        poolside-Laguna-XS-2.1: <tool_call>f\n | thoughts
        poolside-Laguna-XS.2: <tool_call>f\n | thoughts
        tencent-Hy3: ?
        unsloth-Apriel-1.5: <tool_calls>[{"name": "f", "arguments": 
        unsloth-mistral-Devstral-Small-2507: [TOOL_CALLS]f[ARGS]
        upstage-Solar-Open-100B: <|tool_calls|><|tool_call:begin|>0<|tool_call:name|>f<|tool_call:args|>
        """;
}
