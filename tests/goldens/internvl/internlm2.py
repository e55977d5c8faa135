"""InternLM2's forward in plain PyTorch, after OpenGVLab/InternVL internvl_chat/internvl/model/internlm2/modeling_internlm2.py: Llama with one
packed matrix for q, k and v. transformers has no such class, so its Llama runs, and this shows that the two are the same model."""
import torch
from torch.nn.functional import linear, silu


def pack(q, k, v, heads, groups):
    """wqkv: for each group of heads its queries, then its key, then its value."""
    size = q.shape[0] // heads
    q = q.reshape(groups, heads // groups, size, -1)
    return torch.cat([q, k.reshape(groups, 1, size, -1), v.reshape(groups, 1, size, -1)], 1).flatten(0, 2)


def unpack(wqkv, heads, groups):
    """What ggml-org/llama.cpp v0.5.0 conversion/internlm.py does before it reorders the rotary pairs."""
    per = heads // groups
    parts = wqkv.reshape(groups, per + 2, -1, wqkv.shape[1])
    return parts[:, :per].flatten(0, 2), parts[:, -2].flatten(0, 1), parts[:, -1].flatten(0, 1)


def _norm(x, weight, epsilon):
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))


def _rotate(x, theta):
    size = x.shape[-1]
    angles = torch.arange(x.shape[-3])[:, None] / theta ** (torch.arange(0, size, 2) / size)
    angles = torch.cat([angles, angles], -1)[:, None]
    first, second = x.chunk(2, -1)
    return x * angles.cos() + torch.cat([-second, first], -1) * angles.sin()


@torch.no_grad()
def last_logits(model, inputs):
    """model: a transformers model with a Llama inside, whose weights are read as InternLM2's; inputs: [tokens, width]."""
    config, llama = model.config.text_config, model.model.language_model
    heads, groups, epsilon = config.num_attention_heads, config.num_key_value_heads, config.rms_norm_eps
    count, width = inputs.shape
    mask, x = torch.full((count, count), float("-inf")).triu(1), inputs
    for layer in llama.layers:
        attention = layer.self_attn
        wqkv = pack(attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight, heads, groups)
        for ours, theirs in zip(unpack(wqkv, heads, groups), (attention.q_proj, attention.k_proj, attention.v_proj)):
            assert torch.equal(ours, theirs.weight)
        qkv = linear(_norm(x, layer.input_layernorm.weight, epsilon), wqkv).reshape(count, groups, heads // groups + 2, -1)
        theta = config.rope_parameters["rope_theta"]
        q = _rotate(qkv[:, :, :-2].reshape(count, heads, -1), theta)
        k, v = (part.repeat_interleave(heads // groups, 1) for part in (_rotate(qkv[:, :, -2], theta), qkv[:, :, -1]))
        scores = torch.einsum("ihd,jhd->hij", q, k) / q.shape[-1] ** 0.5 + mask
        mixed = torch.einsum("hij,jhd->ihd", scores.softmax(-1), v).reshape(count, width)
        x = x + linear(mixed, attention.o_proj.weight)
        y = _norm(x, layer.post_attention_layernorm.weight, epsilon)
        x = x + linear(silu(linear(y, layer.mlp.gate_proj.weight)) * linear(y, layer.mlp.up_proj.weight), layer.mlp.down_proj.weight)
    return linear(_norm(x[-1], llama.norm.weight, epsilon), model.lm_head.weight)
