"""CLIP's ViT-L as LAVIS runs it, line by line after salesforce/LAVIS 506965b, lavis/models/clip_vit.py (VisionTransformer) and blip2_models/blip2.py
(ln_vision), in the place of transformers' Blip2VisionModel."""
from collections import OrderedDict

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPooling


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class ResidualAttentionBlock(nn.Module):
    def __init__(self, d_model, n_head, inner):
        super().__init__()
        self.attn = nn.MultiheadAttention(d_model, n_head)
        self.ln_1 = nn.LayerNorm(d_model)
        self.mlp = nn.Sequential(OrderedDict([("c_fc", nn.Linear(d_model, inner)), ("gelu", QuickGELU()), ("c_proj", nn.Linear(inner, d_model))]))
        self.ln_2 = nn.LayerNorm(d_model)

    def forward(self, x):
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, heads, inner):
        super().__init__()
        self.resblocks = nn.Sequential(*[ResidualAttentionBlock(width, heads, inner) for _ in range(layers)])

    def forward(self, x):
        return self.resblocks(x)


class VisionTransformer(nn.Module):
    def __init__(self, input_resolution, patch_size, width, layers, heads, inner):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch_size, patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((input_resolution // patch_size) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, layers, heads, inner)

    def forward(self, x):
        x = self.conv1(x)
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        x = torch.cat([self.class_embedding + torch.zeros(x.shape[0], 1, x.shape[-1]), x], dim=1)
        x = self.ln_pre(x + self.positional_embedding)
        return self.transformer(x.permute(1, 0, 2)).permute(1, 0, 2)


class ClipVision(nn.Module):
    """What init_vision_encoder makes for clip_L, with the face of transformers' class."""
    def __init__(self, config):
        super().__init__()
        self.visual_encoder = VisionTransformer(config.image_size, config.patch_size, config.hidden_size, config.num_hidden_layers, config.num_attention_heads,
                                                config.intermediate_size)
        self.ln_vision = nn.LayerNorm(config.hidden_size)

    def forward(self, pixel_values, **_):
        features = self.ln_vision(self.visual_encoder(pixel_values))
        return BaseModelOutputWithPooling(last_hidden_state=features, pooler_output=features[:, 0])


# The authors' names as llama.cpp's.
NAMES = [("vision_model.ln_vision", "v.post_ln"), ("vision_model.visual_encoder.", ""), ("conv1", "v.patch_embd"), ("class_embedding", "v.class_embd"),
         ("positional_embedding", "v.position_embd.weight"), ("ln_pre", "v.pre_ln"), ("transformer.resblocks", "v.blk"), ("attn.in_proj_", "attn_qkv."),
         ("attn.out_proj", "attn_out"), ("ln_1", "ln1"), ("ln_2", "ln2"), ("mlp.c_fc", "ffn_up"), ("mlp.c_proj", "ffn_down")]
