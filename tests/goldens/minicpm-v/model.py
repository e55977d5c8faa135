"""MiniCPM-V as OpenBMB published it, in plain PyTorch: openbmb/MiniCPM-V-2, MiniCPM-Llama3-V-2_5, MiniCPM-V-2_6 (modeling_minicpmv.py)."""
import types

import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers.models.siglip.modeling_siglip import SiglipEncoder

from resampler import sincos_2d

PATCH = 14


def idefics2_ids(rows, columns, side):
    """huggingface/transformers models/idefics2/modeling_idefics2.py, Idefics2VisionEmbeddings: fractions of a side into cells."""
    boundaries = torch.arange(1 / side, 1.0, 1 / side)
    down, across = (torch.bucketize(torch.arange(0, 1 - 1e-6, 1 / torch.tensor(count)), boundaries, right=True) for count in (rows, columns))
    return (down[:, None] * side + across).flatten()


class Tower(nn.Module):
    def __init__(self, hidden, inner, layers, heads, activation, side):
        super().__init__()
        self.config = transformers.SiglipVisionConfig(
            hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads, patch_size=PATCH,
            hidden_act=activation, layer_norm_eps=1e-6, attn_implementation="eager")
        self.side = side
        self.embeddings = nn.Module()
        self.embeddings.patch_embedding = nn.Conv2d(3, hidden, PATCH, PATCH)
        self.embeddings.position_embedding = nn.Embedding(side * side, hidden)
        self.encoder = SiglipEncoder(self.config)
        self.post_layernorm = nn.LayerNorm(hidden, eps=1e-6)

    def forward(self, pixels, positions):
        """[3, height, width], [patches, hidden] -> [patches, hidden]."""
        patches = self.embeddings.patch_embedding(pixels[None]).flatten(2).transpose(1, 2)
        return self.post_layernorm(self.encoder(inputs_embeds=patches + positions).last_hidden_state)[0]


class MiniCpmV(nn.Module):
    def __init__(self, release, tower, resampler, language, vocabulary_size):
        super().__init__()
        self.release = release
        self.model = nn.Module()
        self.model.language_model, self.model.vision_tower, self.model.resampler = language, tower, resampler
        self.lm_head = nn.Linear(language.config.hidden_size, vocabulary_size, bias=False)
        self.config = types.SimpleNamespace(text_config=language.config, vision_config=tower.config)

    def get_input_embeddings(self):
        return self.model.language_model.get_input_embeddings()

    def positions(self, rows, columns):
        table, side = self.model.vision_tower.embeddings.position_embedding.weight, self.model.vision_tower.side
        if self.release == "2.0":     # timm 0.9.10 layers/pos_embed.py resample_abs_pos_embed
            if (rows, columns) == (side, side):
                return table
            square = table.reshape(1, side, side, -1).permute(0, 3, 1, 2)
            return functional.interpolate(square, size=(rows, columns), mode="bicubic", antialias=True)[0].flatten(1).T
        if self.release == "2.5":     # the released code lays each picture's patches out as one row
            return table[idefics2_ids(1, rows * columns, side)]
        return table[idefics2_ids(rows, columns, side)]

    def encode(self, pixels):
        """[3, height, width] -> the tower's features and the resampler's rows."""
        rows, columns = pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
        features = self.model.vision_tower(pixels, self.positions(rows, columns))
        resampler = self.model.resampler
        side = int(resampler.count ** 0.5)
        own = sincos_2d(resampler.width, side, side) if self.release == "2.0" else None
        return features, resampler(features, sincos_2d(resampler.width, rows, columns), own)
