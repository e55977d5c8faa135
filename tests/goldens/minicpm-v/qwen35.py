"""Qwen3.5's tensors and keys as conversion/qwen.py of ggml-org/llama.cpp v0.5.0 writes them."""
import torch

NAMES = [("model.language_model.", ""), ("embed_tokens", "token_embd"), ("lm_head", "output"), ("layers.", "blk."),
         ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
         ("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm"), ("self_attn.o_proj", "attn_output"),
         ("linear_attn.in_proj_qkv", "attn_qkv"), ("linear_attn.in_proj_z", "attn_gate"), ("linear_attn.in_proj_b", "ssm_beta"),
         ("linear_attn.in_proj_a", "ssm_alpha"), ("linear_attn.conv1d", "ssm_conv1d"), ("linear_attn.A_log", "ssm_a"),
         ("linear_attn.dt_bias", "ssm_dt.bias"), ("linear_attn.norm", "ssm_norm"), ("linear_attn.out_proj", "ssm_out"),
         ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
         ("post_attention_layernorm", "post_attention_norm"), ("input_layernorm", "attn_norm")]
FULL = ["ssm_conv1d.weight"]


def keys(config):
    return {"ssm.conv_kernel": config.linear_conv_kernel_dim, "ssm.state_size": config.linear_key_head_dim,
            "ssm.group_count": config.linear_num_key_heads, "ssm.time_step_rank": config.linear_num_value_heads,
            "ssm.inner_size": config.linear_value_head_dim * config.linear_num_value_heads,
            "attention.recurrent_layers": [kind == "linear_attention" for kind in config.layer_types], "full_attention_interval": 4,
            "rope.dimension_sections": config.rope_parameters["mrope_section"] + [0]}


def stored(state):
    """As the file holds them: norms with their one, decays as they multiply. There are as many value heads as key heads here, so that none is
    moved."""
    return {name: _stored(name, tensor) for name, tensor in state.items()}


def _stored(name, tensor):
    if name.endswith("A_log"):
        return -torch.exp(tensor)
    if "conv1d" in name:
        return tensor.squeeze()
    return tensor + 1 if is_shifted(name) else tensor


def is_shifted(name):
    """Whether it is a norm whose gain is one more than its weight."""
    return "language_model" in name and name.endswith("norm.weight") and not name.endswith("linear_attn.norm.weight")
