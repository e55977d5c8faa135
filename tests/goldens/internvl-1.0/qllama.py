"""QLLaMA in plain PyTorch, line by line from OpenGVLab/InternVL (2410d1d), internvl_chat_llava/llava/model/multimodal_encoder/internvl_14b/modeling_qllama.py:
LlamaRMSNorm, FixedLlamaRotaryEmbedding, LlamaMLP, LlamaAttention, LlamaCrossAttention, LlamaDecoderLayer and LlamaModel.forward_train as
modeling_internvl.py calls it for a picture: queries alone, a mask of zeros, no cache. The numbers that are fixed there (96 queries, features of 3200)
come from the configuration here."""
import math

import torch
from torch import nn
from torch.nn import functional


class RmsNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def rotate_half(x):
    return torch.cat((-x[..., x.shape[-1] // 2:], x[..., :x.shape[-1] // 2]), dim=-1)


def rotary(length, head, base=10000):
    frequencies = torch.outer(torch.arange(length, dtype=torch.float32), 1.0 / (base ** (torch.arange(0, head, 2).float() / head)))
    both = torch.cat((frequencies, frequencies), dim=-1)
    return both.cos()[None, None], both.sin()[None, None]


def attend(q, k, v):
    weights = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(q.shape[-1])
    mixed = torch.matmul(functional.softmax(weights, dim=-1, dtype=torch.float32), v)
    return mixed.transpose(1, 2).reshape(q.shape[0], q.shape[2], -1)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config["num_attention_heads"]
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, part, nn.Linear(config["hidden_size"], config["hidden_size"], bias=False))

    def split(self, x):
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        cos, sin = rotary(x.shape[1], q.shape[-1])
        return self.o_proj(attend(q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin, v))


class CrossAttention(Attention):
    def __init__(self, config, vision_hidden_size):
        super().__init__(config)
        self.k_proj, self.v_proj = (nn.Linear(vision_hidden_size, config["hidden_size"], bias=False) for _ in range(2))
        self.norm1, self.norm2 = RmsNorm(config["hidden_size"], config["rms_norm_eps"]), RmsNorm(vision_hidden_size, config["rms_norm_eps"])

    def forward(self, x, vision):
        x, vision = self.norm1(x), self.norm2(vision)
        return self.o_proj(attend(self.split(self.q_proj(x)), self.split(self.k_proj(vision)), self.split(self.v_proj(vision))))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj, self.down_proj, self.up_proj = nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False), nn.Linear(width, inner, bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, config, vision_hidden_size, use_cross_attn):
        super().__init__()
        self.self_attn, self.cross_attn = Attention(config), CrossAttention(config, vision_hidden_size) if use_cross_attn else None
        self.mlp = Mlp(config)
        self.input_layernorm, self.post_attention_layernorm = (RmsNorm(config["hidden_size"], config["rms_norm_eps"]) for _ in range(2))

    def forward(self, x, vision):
        x = x + self.self_attn(self.input_layernorm(x))
        if self.cross_attn is not None:
            x = x + self.cross_attn(x, vision)
        return x + self.mlp(self.post_attention_layernorm(x))


class QLlama(nn.Module):
    """config: of LlamaConfig; the embeddings and the head, which no picture needs, are left out."""

    def __init__(self, config, vision_hidden_size, frequency=2):
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config, vision_hidden_size, index % frequency == 0) for index in range(config["num_hidden_layers"]))
        self.norm = RmsNorm(config["hidden_size"], config["rms_norm_eps"])

    def forward(self, queries, vision):
        for layer in self.layers:
            queries = layer(queries, vision)
        return self.norm(queries)
