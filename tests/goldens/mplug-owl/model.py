"""mPLUG-Owl 1 in plain PyTorch, after X-PLUG/mPLUG-Owl, mPLUG-Owl/mplug_owl/modeling_mplug_owl.py; transformers' Llama is its language model. The
modules are named as there, but for the queries, which the model holds beside the abstractor."""
import math
import types

import torch
from torch import nn
from transformers import LlamaModel


class VisionEmbeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.hidden_size))
        self.patch_embed = nn.Conv2d(3, c.hidden_size, c.patch_size, c.patch_size, bias=False)
        self.position_embedding = nn.Parameter(torch.zeros(1, (c.image_size // c.patch_size) ** 2 + 1, c.hidden_size))
        self.pre_layernorm = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)

    def forward(self, pixels):
        x = self.patch_embed(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        return self.pre_layernorm(x + self.position_embedding)


class VisionAttention(nn.Module):
    """query_key_value holds a head's three parts side by side."""

    def __init__(self, c):
        super().__init__()
        self.heads = c.num_attention_heads
        self.query_key_value, self.dense = nn.Linear(c.hidden_size, 3 * c.hidden_size), nn.Linear(c.hidden_size, c.hidden_size)

    def forward(self, x):
        batch, count, width = x.shape
        q, k, v = self.query_key_value(x).reshape(batch, count, self.heads, 3, width // self.heads).permute(3, 0, 2, 1, 4)
        scores = q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5
        return self.dense((scores.softmax(-1) @ v).permute(0, 2, 1, 3).reshape(batch, count, width))


class VisionMlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(c.hidden_size, c.intermediate_size), nn.Linear(c.intermediate_size, c.hidden_size)

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class VisionLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn, self.mlp = VisionAttention(c), VisionMlp(c)
        self.input_layernorm, self.post_attention_layernorm = (nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps) for _ in range(2))

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class VisionModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings, self.encoder = VisionEmbeddings(c), nn.Module()
        self.encoder.layers = nn.ModuleList(VisionLayer(c) for _ in range(c.num_hidden_layers))
        self.post_layernorm = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)

    def forward(self, pixels):
        x = self.embeddings(pixels)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x)


class AbstractorMlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.w1, self.w3 = (nn.Linear(c.hidden_size, c.intermediate_size) for _ in range(2))
        self.w2 = nn.Linear(c.intermediate_size, c.hidden_size)
        self.ffn_ln_norm = nn.LayerNorm(c.intermediate_size, eps=c.layer_norm_eps)      # ffn_ln: randomise knows norms by name

    def forward(self, x):
        return self.w2(self.ffn_ln_norm(nn.functional.silu(self.w1(x)) * self.w3(x)))


class AbstractorAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.num_attention_heads
        self.attention, self.output = nn.Module(), nn.Module()
        self.attention.query, self.attention.key, self.attention.value = (nn.Linear(c.hidden_size, c.hidden_size) for _ in range(3))
        self.output.out_proj, self.output.norm2, self.output.mlp = nn.Linear(c.hidden_size, c.hidden_size), nn.LayerNorm(c.hidden_size), AbstractorMlp(c)
        self.norm1, self.normk = nn.LayerNorm(c.hidden_size), nn.LayerNorm(c.hidden_size)

    def split(self, x):
        return x.view(*x.shape[:-1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, features):
        x = self.norm1(x)
        seen = torch.cat([x, self.normk(features)], dim=1)
        q, k, v = self.split(self.attention.query(x)), self.split(self.attention.key(seen)), self.split(self.attention.value(seen))
        mixed = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        x = x + self.output.out_proj(mixed.permute(0, 2, 1, 3).flatten(2))
        return x + self.output.mlp(self.output.norm2(x))


class Abstractor(nn.Module):
    def __init__(self, c, width):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(nn.ModuleDict({"crossattention": AbstractorAttention(c)}) for _ in range(c.num_hidden_layers))
        self.visual_fc, self.vit_eos = nn.Linear(c.hidden_size, width), nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, queries, features):
        x = queries.expand(len(features), -1, -1)
        for layer in self.encoder.layers:
            x = layer["crossattention"](x, features)
        x = self.visual_fc(x)
        return torch.cat([x, self.vit_eos.expand(len(x), -1, -1)], dim=1)


class MplugOwl(nn.Module):
    def __init__(self, vision, abstractor, queries, text):
        super().__init__()
        self.model = nn.Module()
        self.model.vision_tower, self.model.abstractor = VisionModel(vision), Abstractor(abstractor, text.hidden_size)
        self.model.query_tokens = nn.Parameter(torch.zeros(1, queries, abstractor.hidden_size))
        self.model.language_model = LlamaModel(text)
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.config = types.SimpleNamespace(text_config=text, vision_config=vision)

    def get_input_embeddings(self):
        return self.model.language_model.embed_tokens

    def project(self, features):
        return self.model.abstractor(self.model.query_tokens, features)
