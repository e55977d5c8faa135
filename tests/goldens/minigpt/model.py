"""Vision-CAIR/MiniGPT-4, main: minigpt4/models/eva_vit.py (Attention, Mlp, Block, VisionTransformer.forward_features, interpolate_pos_embed) and minigpt4.py,
minigpt_v2.py (encode_img), line by line, without dropout. The Q-Former is transformers' class, the language model its Llama."""
import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, num_heads):
        super().__init__()
        self.num_heads, self.scale = num_heads, (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv_bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias, requires_grad=False), self.v_bias))
        qkv = F.linear(input=x, weight=self.qkv.weight, bias=qkv_bias)
        q, k, v = qkv.reshape(B, N, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        attn = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(B, N, -1))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, num_heads, hidden):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(dim, eps=1e-6), Attention(dim, num_heads)
        self.norm2, self.mlp = nn.LayerNorm(dim, eps=1e-6), Mlp(dim, hidden)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, dim, patch_size):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """One block more than is run is stored, as eva_vit_g.pth has 40 of which 39 are used; the table of positions is of the smaller picture."""
    def __init__(self, dim, depth, num_heads, hidden, patch_size, stored_side, side):
        super().__init__()
        self.side, self.depth = side, depth
        self.patch_embed = PatchEmbed(dim, patch_size)
        self.cls_token, self.pos_embed = nn.Parameter(torch.zeros(1, 1, dim)), nn.Parameter(torch.zeros(1, stored_side ** 2 + 1, dim))
        self.blocks = nn.ModuleList([Block(dim, num_heads, hidden) for _ in range(depth + 1)])

    def positions(self):
        extra, tokens = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        old = int(tokens.shape[1] ** 0.5)
        if old == self.side:
            return self.pos_embed
        tokens = tokens.reshape(-1, old, old, tokens.shape[-1]).permute(0, 3, 1, 2)
        tokens = F.interpolate(tokens, size=(self.side, self.side), mode="bicubic", align_corners=False)
        return torch.cat((extra, tokens.permute(0, 2, 3, 1).flatten(1, 2)), dim=1)

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.positions()
        for block in self.blocks[:self.depth]:
            x = block(x)
        return x


class MiniGpt(nn.Module):
    def __init__(self, visual_encoder, qformer, query_count, llama_model, has_norm):
        super().__init__()
        self.visual_encoder, self.llama_model = visual_encoder, llama_model
        width = visual_encoder.cls_token.shape[-1]
        self.ln_vision, self.has_norm = nn.LayerNorm(width), has_norm
        self.has_qformer = qformer is not None
        if self.has_qformer:
            self.Qformer = qformer
            self.query_tokens = nn.Parameter(torch.zeros(1, query_count, qformer.config.hidden_size))
        self.llama_proj = nn.Linear(qformer.config.hidden_size if qformer else width * 4, llama_model.config.hidden_size)
        self.config = type("Config", (), {"text_config": llama_model.config})

    @property
    def lm_head(self):
        return self.llama_model.lm_head

    def get_input_embeddings(self):
        return self.llama_model.get_input_embeddings()

    def answer(self, inputs):
        return Steps(self.llama_model, inputs)

    def encode_img(self, image):
        image_embeds = self.ln_vision(self.visual_encoder(image))
        if self.has_qformer:
            query_tokens = self.query_tokens.expand(image_embeds.shape[0], -1, -1)
            query_output = self.Qformer(query_embeds=query_tokens, encoder_hidden_states=image_embeds, return_dict=True)
            return image_embeds, self.llama_proj(query_output.last_hidden_state)
        own = image_embeds[:, 1:, :]
        bs, pn, hs = own.shape
        return image_embeds, self.llama_proj(own.reshape(bs, int(pn / 4), int(hs * 4)))


class Steps:
    """An answer, step by step."""
    def __init__(self, language, inputs):
        self.language, self.rows, self.cache = language, inputs, None

    def start(self):
        out = self.language(inputs_embeds=self.rows, past_key_values=self.cache, use_cache=True)
        self.cache = out.past_key_values
        return out.logits[0, -1]

    def next(self, token):
        self.rows = self.language.get_input_embeddings()(torch.tensor([[token]]))
        return self.start()
