"""CogVLM and CogVLM2 in plain PyTorch, line by line after the authors' remote code: modeling_cogvlm.py and visual.py of THUDM/cogvlm-chat-hf and
THUDM/cogvlm2-llama3-chat-19B (transformers has no such class). Modules are named as there, so that a state dictionary is a released checkpoint's.
What the two differ in is in the configuration: key heads, the bias of the visual expert's query_key_value, the base of the rotation, the convolution."""
import contextlib

import torch
from torch import nn
from torch.nn.functional import silu

LANGUAGE_TOKEN_TYPE, VISION_TOKEN_TYPE = 0, 1


class PatchEmbedding(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.proj = nn.Conv2d(3, config.hidden_size, kernel_size=config.patch_size, stride=config.patch_size)
        self.cls_embedding = nn.Parameter(torch.zeros(1, config.hidden_size))
        self.position_embedding = nn.Embedding(config.num_positions, config.hidden_size)

    def forward(self, images):
        x = self.proj(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_embedding.expand(x.shape[0], -1, -1), x), dim=1)
        return x + self.position_embedding.weight.unsqueeze(0)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.num_heads = config.num_heads
        self.scale = (config.hidden_size // config.num_heads) ** -0.5
        self.query_key_value = nn.Linear(config.hidden_size, config.hidden_size * 3)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x):
        batch, count, _ = x.shape
        q, k, v = self.query_key_value(x).reshape(batch, count, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        weights = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.dense((weights @ v).transpose(1, 2).reshape(batch, count, -1))


class TowerMLP(nn.Module):
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
        self.attention, self.mlp = Attention(config), TowerMLP(config)
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
    def __init__(self, config, in_features):
        super().__init__()
        self.linear_proj = nn.Linear(in_features, config.hidden_size, bias=False)
        self.norm1 = nn.LayerNorm(config.hidden_size)
        self.dense_h_to_4h = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.dense_4h_to_h = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        x = nn.functional.gelu(self.norm1(self.linear_proj(x)))
        return self.dense_4h_to_h(silu(self.gate_proj(x)) * self.dense_h_to_4h(x))


class EVA2CLIPModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        vision = config.vision_config
        self.patch_embedding, self.transformer = PatchEmbedding(vision), Transformer(vision)
        self.linear_proj = GLU(config, in_features=vision.hidden_size)
        if config.is_second:
            self.conv = nn.Conv2d(vision.hidden_size, vision.hidden_size, kernel_size=2, stride=2)
        self.boi, self.eoi = nn.Parameter(torch.zeros(1, 1, config.hidden_size)), nn.Parameter(torch.zeros(1, 1, config.hidden_size))

    def features(self, images):
        return self.transformer(self.patch_embedding(images))[:, 1:]

    def forward(self, images):
        x = self.features(images)
        if hasattr(self, "conv"):
            count, length, width = x.shape
            side = int(length ** 0.5)
            x = self.conv(x.view(count, side, side, width).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
        x = self.linear_proj(x)
        return torch.cat((self.boi.expand(x.shape[0], -1, -1), x, self.eoi.expand(x.shape[0], -1, -1)), dim=1)


class RMSNorm(nn.Module):
    def __init__(self, hidden_size, eps):
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.ones(hidden_size)), eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(config.hidden_size, config.intermediate_size, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))


def get_expert_mask(token_type_ids):
    vision_token_mask = torch.zeros_like(token_type_ids, dtype=torch.bool)
    vision_token_mask[:, :-1] = (token_type_ids[:, :-1] == VISION_TOKEN_TYPE) & (token_type_ids[:, 1:] == VISION_TOKEN_TYPE)
    return vision_token_mask, ~vision_token_mask


class VisionExpertMLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.language_mlp, self.vision_mlp = MLP(config), MLP(config)

    def forward(self, x, token_type_ids):
        output = torch.empty_like(x)
        vision, language = get_expert_mask(token_type_ids)
        output[vision] = self.vision_mlp(x[vision])
        output[language] = self.language_mlp(x[language])
        return output


def rotate(x, position_ids, base):
    """apply_rotary_pos_emb_index_bhs of CogVLM, and rotary_kernel of CogVLM2 without interleaving: halves of a head as pairs."""
    width = x.shape[-1]
    inv_freq = 1.0 / (base ** (torch.arange(0, width, 2) / width))
    angles = torch.einsum("bi,j->bij", position_ids.float(), inv_freq)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    first, second = x[..., : width // 2], x[..., width // 2:]
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


class VisionExpertAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.rounds = config, False
        self.heads, self.groups = config.num_attention_heads, config.num_multi_query_heads
        self.head_dim = config.hidden_size // self.heads
        size = config.hidden_size + 2 * self.groups * self.head_dim
        self.vision_expert_query_key_value = nn.Linear(config.hidden_size, size, bias=config.is_second)
        self.vision_expert_dense = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.language_expert_query_key_value = nn.Linear(config.hidden_size, size, bias=False)
        self.language_expert_dense = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x, token_type_ids, position_ids, past):
        batch, count, width = x.shape
        vision, language = get_expert_mask(token_type_ids)
        mixed = torch.empty(batch, count, width + 2 * self.groups * self.head_dim)
        mixed[vision] = self.vision_expert_query_key_value(x[vision])
        mixed[language] = self.language_expert_query_key_value(x[language])
        kept = self.groups * self.head_dim
        q, k, v = (part.view(batch, count, -1, self.head_dim).permute(0, 2, 1, 3) for part in mixed.split([width, kept, kept], dim=-1))
        q, k = rotate(q, position_ids, self.config.rotary_base), rotate(k, position_ids, self.config.rotary_base)
        if self.rounds:                                                           # as the engine's KV cache does
            k, v = k.half().float(), v.half().float()
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        past = (k, v)
        k, v = (part.repeat_interleave(self.heads // self.groups, dim=1) for part in (k, v))
        mask = torch.full((count, k.shape[2]), float("-inf")).triu(k.shape[2] - count + 1)
        context = ((q @ k.transpose(-1, -2)) / self.head_dim ** 0.5 + mask).softmax(-1) @ v
        context = context.transpose(1, 2).reshape(batch, count, width)
        output = torch.empty_like(context)
        output[vision] = self.vision_expert_dense(context[vision])
        output[language] = self.language_expert_dense(context[language])
        return output, past


class CogVLMDecoderLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn, self.mlp = VisionExpertAttention(config), VisionExpertMLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, token_type_ids, position_ids, past):
        attended, past = self.self_attn(self.input_layernorm(x), token_type_ids, position_ids, past)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x), token_type_ids), past


def build_position_ids(x):
    """Begin and end of a picture count as language; its patches share one position."""
    tmp = x.clone()
    is_boi_eoi = torch.zeros_like(x, dtype=torch.bool)
    is_boi_eoi[:, 1:] |= (tmp[:, 1:] == VISION_TOKEN_TYPE) & (tmp[:, :-1] == LANGUAGE_TOKEN_TYPE)
    is_boi_eoi[:, 0] |= tmp[:, 0] == VISION_TOKEN_TYPE
    is_boi_eoi[:, :-1] |= (tmp[:, :-1] == VISION_TOKEN_TYPE) & (tmp[:, 1:] == LANGUAGE_TOKEN_TYPE)
    is_boi_eoi[:, -1] |= tmp[:, -1] == VISION_TOKEN_TYPE
    tmp[is_boi_eoi] = LANGUAGE_TOKEN_TYPE
    y = torch.zeros_like(x, dtype=torch.long)
    y[:, 1:] = (tmp[:, 1:] == LANGUAGE_TOKEN_TYPE) | ((tmp[:, 1:] == VISION_TOKEN_TYPE) & (tmp[:, :-1] == LANGUAGE_TOKEN_TYPE))
    return y.cumsum(dim=-1)


class CogVLMModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(CogVLMDecoderLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.vision = EVA2CLIPModel(config)

    def forward(self, x, token_type_ids, position_ids, past=None):
        kept = []
        for index, layer in enumerate(self.layers):
            x, made = layer(x, token_type_ids, position_ids, past and past[index])
            kept.append(made)
        return self.norm(x), kept


class CogVLMForCausalLM(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = CogVLMModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def token_types(self, rows):
        """Of the rows of a prompt [1, tokens, width]: a picture's begin with boi and end with eoi."""
        types, inside = [], False
        for row in rows[0]:
            inside = inside or torch.equal(row, self.model.vision.boi[0, 0])
            types.append(VISION_TOKEN_TYPE if inside else LANGUAGE_TOKEN_TYPE)
            inside = inside and not torch.equal(row, self.model.vision.eoi[0, 0])
        return torch.tensor([types])

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
    """generate(): token types of what is new are language, positions follow from all types."""

    def __init__(self, model, rows):
        self.model, self.rows, self.types, self.past = model, rows, model.token_types(rows), None

    def start(self):
        places, count = build_position_ids(self.types), self.rows.shape[1]
        x, self.past = self.model.model(self.rows, self.types[:, -count:], places[:, -count:], self.past)
        return self.model.lm_head(x[0, -1])

    def next(self, token):
        self.rows = self.model.get_input_embeddings()(torch.tensor([[token]]))
        self.types = torch.cat([self.types, torch.tensor([[LANGUAGE_TOKEN_TYPE]])], dim=-1)
        return self.start()
