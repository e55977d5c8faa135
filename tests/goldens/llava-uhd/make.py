"""Goldens of LLaVA-UHD, written from the authors' published rules with random weights. See README.md."""
import math
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers.models.clip.modeling_clip import CLIPEncoder

import gguf_files
import regions
import slices
from golden_case import LANGUAGE, main
from resampler import Resampler, sincos_2d
from sliced_case import SlicedCase
from vocabulary import SentencePieceVocabulary

SCALE, PATCH, QUERIES, HEADS = 112, 14, 64, 4
SIDE = SCALE // PATCH


def resized(table, rows, columns):
    """llava_uhd/resampler.py get_abs_pos, and adapt_clip.py for the tower: a square table to a grid."""
    side = int(math.sqrt(len(table)))
    square = table.float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    return functional.interpolate(square, size=(rows, columns), mode="bicubic", align_corners=False).permute(0, 2, 3, 1).flatten(0, 2)


class Tower(nn.Module):
    """CLIP's, its features taken before the last block."""

    def __init__(self):
        super().__init__()
        self.config = transformers.CLIPVisionConfig(
            hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=HEADS, patch_size=PATCH, image_size=SCALE,
            hidden_act="quick_gelu", attn_implementation="eager")
        self.embeddings = nn.Module()
        self.embeddings.class_embedding = nn.Parameter(torch.zeros(64))
        self.embeddings.patch_embedding = nn.Conv2d(3, 64, PATCH, PATCH, bias=False)
        self.embeddings.position_embedding = nn.Embedding(1 + SIDE * SIDE, 64)
        self.pre_layrnorm = nn.LayerNorm(64, eps=1e-5)
        self.encoder = CLIPEncoder(self.config)

    def forward(self, pixels):
        """[3, height, width] -> [patches, hidden]."""
        table = self.embeddings.position_embedding.weight
        patches = self.embeddings.patch_embedding(pixels[None])
        positions = torch.cat([table[:1], resized(table[1:], *patches.shape[2:])])
        tokens = torch.cat([self.embeddings.class_embedding[None, None], patches.flatten(2).transpose(1, 2)], dim=1) + positions
        x = self.pre_layrnorm(tokens)
        for layer in self.encoder.layers[:-1]:
            x = layer(x, attention_mask=None)
            x = x[0] if isinstance(x, tuple) else x
        return x[0, 1:]


class LlavaUhdModel(nn.Module):
    queries, resampler_type = QUERIES, Resampler

    def __init__(self, vocabulary):
        super().__init__()
        text = transformers.LlamaConfig(**LANGUAGE, vocab_size=len(vocabulary.tokens), attn_implementation="eager")
        self.model = nn.Module()
        self.model.language_model = transformers.LlamaModel(text)
        self.model.vision_tower, self.model.resampler = Tower(), self.resampler_type(64, text.hidden_size, self.queries, 4)
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.config = types.SimpleNamespace(text_config=text, vision_config=self.model.vision_tower.config)

    def get_input_embeddings(self):
        return self.model.language_model.get_input_embeddings()

    def encode(self, pixels):
        own = sincos_2d(self.model.resampler.width, int(math.sqrt(self.queries)), int(math.sqrt(self.queries)))
        features, rows, columns = self.model.vision_tower(pixels), pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
        return features, self.resample(features, resized(own, rows, columns), own, rows, columns)

    def resample(self, features, key_positions, query_positions, rows, columns):
        return self.model.resampler(features, key_positions, query_positions)


class RegionsModel(LlavaUhdModel):
    queries, resampler_type = 16, regions.SpatialResampler

    def resample(self, *given):
        return self.model.resampler(*given)


class LlavaUhd(SlicedCase):
    name, seed, image_size, vocabulary_type = "llava-uhd", 71, SCALE, SentencePieceVocabulary
    about = "LLaVA-UHD: slices in their own size and shape, resized positions, 64 queries, comma and newline, overview last"
    slicer = slices.Slicer(SCALE, PATCH, 6, divide=math.floor)
    model_type, keys = LlavaUhdModel, {}
    layout = dict(blocks=3, swapped=False, fused=False, post_norm=True)

    def config(self, vision, text):
        last = {token: k for k, token in enumerate(self.vocabulary.tokens)}
        self.comma, self.newline = [last[","]], [last["<0x0A>"]]
        return self.model_type, self.vocabulary

    def parts(self, image):
        overview, *tiles = self.slicer.images(image)[0]
        return [*tiles, overview]

    def surroundings(self, picture, index):
        grid = self.grid_of(picture)
        if grid is None:
            return [self.model_type.queries]
        row = [part for k in range(grid[0]) for part in (self.model_type.queries, self.comma if k < grid[0] - 1 else self.newline)]
        return row * grid[1] + [self.model_type.queries]

    def export(self, folder):
        keys = {"clip.projector_type": "uhd_resampler", "clip.use_gelu": False, "clip.vision.block_count": 3, "clip.vision.feature_layer": [2],
                "clip.vision.projector.head_count": 4, **self.keys}
        tower = gguf_files.tower_tensors(self.model.model.vision_tower, **self.layout)
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.model.config.vision_config, {**tower, **self.model.model.resampler.tensors()},
                                keys, self.mean, self.std)
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}


class LlavaUhdRelease(LlavaUhd):
    name, seed, model_type, LONGEST = "llava-uhd-release", 74, RegionsModel, 1024
    about = "llava-uhd-144-13b: the longer side brought to one length, at most seven tiles, each query sees its own region"
    slicer = slices.Slicer(SCALE, PATCH, 7, divide=math.floor)
    keys = {"clip.vision.uhd.spatial_rois": True, "clip.vision.uhd.longest_side": LONGEST, "clip.vision.preproc_max_tiles": 7}
    layout = dict(blocks=2, swapped=False, fused=False, post_norm=False)
    picture_names = ("native", "tall", "small", "shapes", "dark", "wide")

    def parts(self, image):
        return super().parts(regions.resize_image_keep_ratio(image, self.LONGEST))

    def grid_of(self, picture):
        return self.slicer.sliced_grid(regions.resize_image_keep_ratio(self.images[picture], self.LONGEST).size)

    def prepare(self, image):
        pixels, facts = super().prepare(image)
        return pixels, {**facts, **self.slicer.facts(regions.resize_image_keep_ratio(image, self.LONGEST))}


if __name__ == "__main__":
    main([LlavaUhd(), LlavaUhdRelease()], HERE, sys.argv[1:])
