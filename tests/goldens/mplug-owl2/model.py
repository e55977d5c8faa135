"""mPLUG-Owl2 in plain PyTorch, line by line after X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/model: visual_encoder.py, multiway.py, modeling_llama2.py and
modeling_mplug_owl2.py (transformers has no such class). Modules are named as there, so that a state dictionary is a released checkpoint's."""
import contextlib
import math

import numpy as np
import torch
from torch import nn


def get_1d_sincos_pos_embed_from_grid(embed_dim, pos):
    omega = np.arange(embed_dim // 2, dtype=np.float32)
    omega /= embed_dim / 2.
    omega = 1. / 10000 ** omega
    out = np.einsum("m,d->md", pos.reshape(-1), omega)
    return np.concatenate([np.sin(out), np.cos(out)], axis=1)


def get_2d_sincos_pos_embed(embed_dim, grid_size):
    grid = np.stack(np.meshgrid(np.arange(grid_size, dtype=np.float32), np.arange(grid_size, dtype=np.float32)), axis=0).reshape([2, 1, grid_size, grid_size])
    halves = [get_1d_sincos_pos_embed_from_grid(embed_dim // 2, grid[k]) for k in range(2)]
    return np.concatenate([np.zeros([1, embed_dim]), np.concatenate(halves, axis=1)], axis=0)


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
        self.ffn_ln = nn.LayerNorm(c.intermediate_size, eps=c.layer_norm_eps)

    def forward(self, x):
        return self.w2(self.ffn_ln(nn.functional.silu(self.w1(x)) * self.w3(x)))


class MultiHeadAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.num_attention_heads
        self.query, self.key, self.value = (nn.Linear(c.hidden_size, c.hidden_size) for _ in range(3))
        queries = get_1d_sincos_pos_embed_from_grid(c.hidden_size, np.arange(c.num_learnable_queries, dtype=np.float32))
        self.register_buffer("q_pos_embed", torch.from_numpy(queries).float())
        self.register_buffer("k_pos_embed", torch.from_numpy(get_2d_sincos_pos_embed(c.hidden_size, c.grid_size)).float())

    def split(self, x):
        return x.view(*x.shape[:-1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, seen):
        places = torch.cat([self.q_pos_embed, self.k_pos_embed], dim=0).unsqueeze(0)
        k, v = self.split(self.key(seen + places)), self.split(self.value(seen))
        q = self.split(self.query(x + self.q_pos_embed.unsqueeze(0)))
        mixed = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        return mixed.permute(0, 2, 1, 3).flatten(2)


class AbstractorAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attention, self.output = MultiHeadAttention(c), nn.Module()
        self.output.out_proj, self.output.norm2, self.output.mlp = nn.Linear(c.hidden_size, c.hidden_size), nn.LayerNorm(c.hidden_size), AbstractorMlp(c)
        self.norm1, self.normk = nn.LayerNorm(c.hidden_size), nn.LayerNorm(c.hidden_size)

    def forward(self, x, features):
        x = self.norm1(x)
        x = x + self.output.out_proj(self.attention(x, torch.cat([x, self.normk(features)], dim=1)))
        return x + self.output.mlp(self.output.norm2(x))


class Abstractor(nn.Module):
    def __init__(self, c, width):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(nn.ModuleDict({"crossattention": AbstractorAttention(c)}) for _ in range(c.num_hidden_layers))
        self.visual_fc = nn.Linear(c.hidden_size, width)
        self.query_embeds = nn.Parameter(torch.zeros(1, c.num_learnable_queries, c.hidden_size))
        self.vit_eos = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, features):
        x = self.query_embeds.expand(len(features), -1, -1)
        for layer in self.encoder.layers:
            x = layer["crossattention"](x, features)
        x = self.visual_fc(x)
        return torch.cat([x, self.vit_eos.expand(len(x), -1, -1)], dim=1)


class MultiwayNetwork(nn.Module):
    def __init__(self, provider, out_features):
        super().__init__()
        self.multiway, self.out_features = nn.ModuleList(provider() for _ in range(2)), out_features

    def forward(self, x, indices):
        output = torch.empty(*x.shape[:2], self.out_features)
        for index, way in enumerate(self.multiway):
            local = indices.eq(index).nonzero(as_tuple=True)
            output[local] = way(x[local])
        return output


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def rotate(x, places, theta):
    """transformers' apply_rotary_pos_emb: halves of a head as pairs; x: [batch, heads, tokens, head]."""
    width = x.shape[-1]
    angles = places[:, None].float() / theta ** (torch.arange(0, width, 2).float() / width)
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., : width // 2], x[..., width // 2:]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class LlamaAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, self.rounds = c, False
        self.head = c.hidden_size // c.num_attention_heads
        kept = c.num_key_value_heads * self.head
        self.q_proj = nn.Linear(c.hidden_size, c.hidden_size, bias=False)
        self.k_proj = MultiwayNetwork(lambda: nn.Linear(c.hidden_size, kept, bias=False), kept)
        self.v_proj = MultiwayNetwork(lambda: nn.Linear(c.hidden_size, kept, bias=False), kept)
        self.o_proj = nn.Linear(c.hidden_size, c.hidden_size, bias=False)

    def forward(self, x, indicators, past):
        batch, count, width = x.shape
        q, k, v = (part.view(batch, count, -1, self.head).transpose(1, 2) for part in (self.q_proj(x), self.k_proj(x, indicators), self.v_proj(x, indicators)))
        held = 0 if past is None else past[0].shape[2]
        places = torch.arange(held, held + count)
        q, k = rotate(q, places, self.c.rope_theta), rotate(k, places, self.c.rope_theta)
        if self.rounds:                                                           # as the engine's KV cache does
            k, v = k.half().float(), v.half().float()
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        past = (k, v)
        k, v = (part.repeat_interleave(self.c.num_attention_heads // self.c.num_key_value_heads, dim=1) for part in (k, v))
        mask = torch.full((count, held + count), float("-inf")).triu(held + 1)
        mixed = (q @ k.transpose(2, 3) / math.sqrt(self.head) + mask).softmax(-1) @ v
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, count, width)), past


class LlamaMLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(c.hidden_size, c.intermediate_size, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class LlamaDecoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn, self.mlp = LlamaAttention(c), LlamaMLP(c)
        self.input_layernorm, self.post_attention_layernorm = (
            MultiwayNetwork(lambda: RMSNorm(c.hidden_size, c.rms_norm_eps), c.hidden_size) for _ in range(2))

    def forward(self, x, indicators, past):
        attended, past = self.self_attn(self.input_layernorm(x, indicators), indicators, past)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x, indicators)), past


class MPLUGOwl2LlamaModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(LlamaDecoderLayer(c) for _ in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.vision_model, self.visual_abstractor = VisionModel(c.visual_model), Abstractor(c.visual_abstractor, c.hidden_size)

    def forward(self, x, indicators, past=None):
        kept = []
        for index, layer in enumerate(self.layers):
            x, made = layer(x, indicators, past and past[index])
            kept.append(made)
        return self.norm(x), kept


class MPLUGOwl2LlamaForCausalLM(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config, self.model = c, MPLUGOwl2LlamaModel(c)
        self.lm_head = nn.Linear(c.hidden_size, c.vocab_size, bias=False)

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def indicators(self, rows):
        """prepare_inputs_labels_for_multimodal: 1 on a picture's rows, whose last is vit_eos; rows: [1, tokens, width]."""
        found, count = torch.zeros(1, rows.shape[1], dtype=torch.long), self.config.visual_abstractor.num_learnable_queries + 1
        for index, row in enumerate(rows[0]):
            if torch.equal(row, self.model.visual_abstractor.vit_eos[0, 0]):
                found[:, index + 1 - count:index + 1] = 1
        return found

    def answer(self, rows):
        return Answer(self, rows)

    @contextlib.contextmanager
    def roundings(self):
        for layer in self.model.layers:
            layer.self_attn.rounds = True
        try:
            yield
        finally:
            for layer in self.model.layers:
                layer.self_attn.rounds = False


class Answer:
    """generate(): what is new is text."""

    def __init__(self, model, rows):
        self.model, self.rows, self.indicators, self.past = model, rows, model.indicators(rows), None

    def start(self):
        x, self.past = self.model.model(self.rows, self.indicators, self.past)
        return self.model.lm_head(x[0, -1])

    def next(self, token):
        self.rows, self.indicators = self.model.get_input_embeddings()(torch.tensor([[token]])), torch.zeros(1, 1, dtype=torch.long)
        return self.start()
