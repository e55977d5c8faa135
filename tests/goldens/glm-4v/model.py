"""GLM-4V-9B in plain PyTorch, after THUDM/glm-4v-9b's visual.py (EVA2CLIPModel) and modeling_chatglm.py (ChatGLMModel.forward, the encoder and
apply_rotary_pos_emb); transformers has no such class. transformers' Glm, which is the same language model, decodes; chatglm_logits is the witness."""
import torch
from torch import nn
from torch.nn.functional import linear, silu
from transformers import GlmModel


class PatchEmbedding(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.proj = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
        self.cls_embedding = nn.Parameter(torch.zeros(1, width))
        self.position_embedding = nn.Embedding(config.num_positions, width)

    def forward(self, images):
        x = self.proj(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_embedding.expand(x.shape[0], -1, -1), x), dim=1)
        return x + self.position_embedding.weight.unsqueeze(0)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.num_heads = config.num_heads
        self.query_key_value = nn.Linear(config.hidden_size, config.hidden_size * 3)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x):
        batch, count, _ = x.shape
        q, k, v = self.query_key_value(x).reshape(batch, count, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5
        return self.dense((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, count, -1))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(config.hidden_size, config.intermediate_size), nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x):
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class TransformerLayer(nn.Module):
    """The norms stand behind attention and feed-forward, before the sum."""

    def __init__(self, config):
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention, self.mlp = Attention(config), MLP(config)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x):
        x = x + self.input_layernorm(self.attention(x))
        return x + self.post_attention_layernorm(self.mlp(x))


class Transformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class GLU(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.linear_proj, self.norm1 = nn.Linear(width, width, bias=False), nn.LayerNorm(width)
        self.dense_h_to_4h, self.gate_proj = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.dense_4h_to_h = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        x = nn.functional.gelu(self.norm1(self.linear_proj(x)))
        return self.dense_4h_to_h(silu(self.gate_proj(x)) * self.dense_h_to_4h(x))


class EVA2CLIPModel(nn.Module):
    def __init__(self, config, width, inner):
        super().__init__()
        self.patch_embedding, self.transformer = PatchEmbedding(config), Transformer(config)
        self.linear_proj = GLU(width, inner)
        self.conv = nn.Conv2d(config.hidden_size, width, kernel_size=2, stride=2)
        self.boi, self.eoi = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, 1, width))
        self.scaling_factor = config.scaling_factor

    def features(self, images):
        return self.transformer(self.patch_embedding(images))[:, 1:]

    def forward(self, images):
        x = self.features(images)
        count, patches, width = x.shape
        side = int(patches ** 0.5)
        x = self.conv(x.view(count, side, side, width).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
        x = torch.cat((self.boi.expand(count, -1, -1), self.linear_proj(x), self.eoi.expand(count, -1, -1)), dim=1)
        return x / self.scaling_factor


def positions(inputs, boi, eoi):
    """ChatGLMModel.forward: the begin embedding at p, all patches at p + 1, the end embedding at p + 2. The two are found by their values."""
    ids, inside = [], False
    for row in inputs:
        if torch.equal(row, eoi):
            inside = False
            ids.append(ids[-1] + 1)
        elif inside:
            ids.append(inside)
        else:
            ids.append(ids[-1] + 1 if ids else 0)
        if torch.equal(row, boi):
            inside = ids[-1] + 1
    return torch.tensor(ids)


class PlacedGlm(GlmModel):
    """transformers' Glm at ChatGLM's positions, causal by order."""
    ends = None                                          # the begin and the end embedding as they enter

    def forward(self, inputs_embeds, past_key_values=None, use_cache=True):
        if past_key_values is None:
            place = positions(inputs_embeds[0], *self.ends)
        else:
            place = torch.tensor([past_key_values.next_place])
        held = past_key_values.get_seq_length() if past_key_values else 0
        mask = torch.full((len(place), held + len(place)), torch.finfo(torch.float32).min).triu(held + 1)[None, None]
        out = super().forward(inputs_embeds=inputs_embeds, attention_mask=mask, position_ids=place[None], past_key_values=past_key_values, use_cache=use_cache)
        out.past_key_values.next_place = int(place[-1]) + 1
        return out


class Glm4v(nn.Module):
    def __init__(self, vision, language, vocabulary_size):
        super().__init__()
        width = language.hidden_size
        self.model = nn.Module()
        self.model.vision_tower = EVA2CLIPModel(vision, width, language.intermediate_size)
        self.model.language_model = PlacedGlm(language)
        self.lm_head = nn.Linear(width, vocabulary_size, bias=False)
        self.config = None

    def get_input_embeddings(self):
        return self.model.language_model.embed_tokens


def _norm(x, weight, epsilon):
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))


def _rotate(x, place, theta):
    """apply_rotary_pos_emb: the first half of a head, even and odd channels as pairs; x: [tokens, heads, head]."""
    size = x.shape[-1] // 2
    angles = place[:, None] / theta ** (torch.arange(0, size, 2) / size)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    turned = x[..., :size].reshape(*x.shape[:-1], size // 2, 2)
    turned = torch.stack([turned[..., 0] * cos - turned[..., 1] * sin, turned[..., 1] * cos + turned[..., 0] * sin], -1).flatten(-2)
    return torch.cat([turned, x[..., size:]], -1)


def packed(layer):
    """A layer's weights as ChatGLM has them: query_key_value and its bias; dense_h_to_4h holds the gate, then the other half."""
    attention = layer.self_attn
    parts = (attention.q_proj, attention.k_proj, attention.v_proj)
    return torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])


@torch.no_grad()
def chatglm_logits(model, inputs, place):
    """inputs: [tokens, width] at these positions; the last token's logits by the authors' own forward."""
    config, glm = model.model.language_model.config, model.model.language_model
    heads, groups, head, epsilon = config.num_attention_heads, config.num_key_value_heads, config.head_dim, config.rms_norm_eps
    theta, count, x = config.rope_parameters["rope_theta"], len(inputs), inputs
    mask = torch.full((count, count), float("-inf")).triu(1)
    for layer in glm.layers:
        weight, bias = packed(layer)
        mixed = linear(_norm(x, layer.input_layernorm.weight, epsilon), weight, bias)
        q, k, v = mixed.split([heads * head, groups * head, groups * head], -1)
        q, k, v = q.view(count, heads, head), k.view(count, groups, head), v.view(count, groups, head)
        q, k = _rotate(q, place, theta), _rotate(k, place, theta)
        k, v = (part[:, :, None].expand(-1, -1, heads // groups, -1).reshape(count, heads, head) for part in (k, v))
        scores = torch.einsum("ihd,jhd->hij", q, k) / head ** 0.5 + mask
        x = x + linear(torch.einsum("hij,jhd->ihd", scores.softmax(-1), v).reshape(count, -1), layer.self_attn.o_proj.weight)
        gate, up = linear(_norm(x, layer.post_attention_layernorm.weight, epsilon), layer.mlp.gate_up_proj.weight).chunk(2, -1)
        x = x + linear(silu(gate) * up, layer.mlp.down_proj.weight)
    return linear(_norm(x[-1], glm.norm.weight, epsilon), model.lm_head.weight)
