"""VILA 1.5 and NVILA as published, in PyTorch: NVlabs/VILA, branch vila1.5 (commit 6b941da) and branch main (commit b760c34),
llava/model/multimodal_projector/base_projector.py, multimodal_encoder/vision_encoder.py and llava_arch.py; bfshi/scaling_on_scales
s2wrapper/core.py (commit 9c008a3). The towers are transformers' SigLIP and InternViT, which are the classes those files import."""
import types

import torch
from torch import nn
from torch.nn import functional


class DownSampleBlock(nn.Module):
    """Branch vila1.5: flat_square without the last permute, so that tokens leave column by column."""

    def forward(self, x):
        h = w = int(x.shape[1] ** 0.5)
        x = self.flat_square(x.reshape(x.shape[0], h, w, -1))
        return x.reshape(x.shape[0], -1, x.shape[-1])

    def flat_square(self, x):
        n, w, h, c = x.size()
        if w % 2 == 1:
            x = torch.concat([x, torch.zeros((n, 1, h, c), dtype=x.dtype)], dim=1).contiguous()
            n, w, h, c = x.size()
        if h % 2 == 1:
            x = torch.concat([x, torch.zeros((n, w, 1, c), dtype=x.dtype)], dim=2).contiguous()
            n, w, h, c = x.size()
        x = x.contiguous().view(n, w, int(h / 2), int(c * 2))
        x = x.permute(0, 2, 1, 3).contiguous()
        return x.view(n, int(h / 2), int(w / 2), int(c * 4))


class DownSample2x2Block(DownSampleBlock):
    """Branch main: the same block with the permute (commit 36f6adc), and DownSample2x2BlockFix, which is the same."""

    def flat_square(self, x):
        return super().flat_square(x).permute(0, 2, 1, 3).contiguous()


class DownSample3x3Block(DownSampleBlock):
    """Branch main: DownSample3x3BlockFix with flat_square_3x3."""

    def flat_square(self, x):
        n, w, h, c = x.size()
        if w % 3 != 0:
            x = torch.concat([x, torch.zeros((n, 3 - (w % 3), h, c), dtype=x.dtype)], dim=1).contiguous()
            n, w, h, c = x.size()
        if h % 3 != 0:
            x = torch.concat([x, torch.zeros((n, w, 3 - (h % 3), c), dtype=x.dtype)], dim=2).contiguous()
            n, w, h, c = x.size()
        x = x.contiguous().view(n, w, int(h / 3), int(c * 3))
        x = x.permute(0, 2, 1, 3).contiguous()
        x = x.view(n, int(h / 3), int(w / 3), int(c * 9))
        return x.permute(0, 2, 1, 3).contiguous()


def mlp_downsample(block, mm_hidden_size, hidden_size):
    return nn.Sequential(block, nn.LayerNorm(mm_hidden_size * 4), nn.Linear(mm_hidden_size * 4, hidden_size), nn.GELU(),
                         nn.Linear(hidden_size, hidden_size))


def mlp_downsample_3x3_fix(mm_hidden_size, hidden_size):
    return nn.Sequential(DownSample3x3Block(), nn.LayerNorm(mm_hidden_size * 9), nn.Linear(mm_hidden_size * 9, mm_hidden_size * 3), nn.GELU(),
                         nn.LayerNorm(mm_hidden_size * 3), nn.Linear(mm_hidden_size * 3, hidden_size), nn.GELU(), nn.Linear(hidden_size, hidden_size))


def merge_chessboard(x, num_split_h, num_split_w):
    """LlavaMetaModel.merge_chessboard for one picture: [tiles, h * w, c] or [tiles, h, w, c] as [1, c, rows, columns]."""
    if x.dim() == 3:
        side = int(x.shape[1] ** 0.5)
        x = x.reshape(x.shape[0], side, side, -1).permute(0, 3, 1, 2)
    return torch.cat([torch.cat([x[i * num_split_w + j:i * num_split_w + j + 1] for j in range(num_split_w)], dim=-1) for i in range(num_split_h)], dim=-2)


def split_chessboard(x, num_split_h, num_split_w):
    """LlavaMetaModel.split_chessboard."""
    h, w = x.shape[2] // num_split_h, x.shape[3] // num_split_w
    return torch.cat([x[:, :, i * h:(i + 1) * h, j * w:(j + 1) * w] for i in range(num_split_h) for j in range(num_split_w)], dim=0)


class Vila(nn.Module):
    """The names that the golden cases and gguf_files.write_language know; forward passes by their names in the source."""

    def __init__(self, tower, select_layer, select_feature, projector, language, vocabulary_size):
        super().__init__()
        self.select_layer, self.select_feature = select_layer, select_feature
        self.model = nn.Module()
        self.model.language_model, self.model.vision_tower, self.model.multi_modal_projector = language, tower, projector
        self.lm_head = nn.Linear(language.config.hidden_size, vocabulary_size, bias=False)
        self.config = types.SimpleNamespace(text_config=language.config, vision_config=tower.config)

    def get_input_embeddings(self):
        return self.model.language_model.get_input_embeddings()

    def tower(self, pixels):
        """VisionTower.forward and feature_select: [slices, 3, h, w] -> [slices, patches, hidden]."""
        features = self.model.vision_tower(pixels, output_hidden_states=True).hidden_states[self.select_layer]
        return features[:, 1:] if self.select_feature == "patch" else features

    def project(self, features):
        return self.model.multi_modal_projector(features)

    def merge_s2(self, features, scales):
        """The second half of s2wrapper's forward, resize_output_to_idx=0: features of all splits -> [1, patches, scales * hidden]."""
        maps, start = [], 0
        for scale in scales:
            splits = scale // scales[0]
            maps.append(merge_chessboard(features[start:start + splits ** 2], splits, splits))
            start += splits ** 2
        out = torch.cat([functional.interpolate(one, size=maps[0].shape[-2:], mode="area") for one in maps], dim=1)
        return out.flatten(2).transpose(1, 2)

    def encode_dynamic_s2(self, features, block_size, scales):
        """encode_images with dynamic_s2 and merge_features_for_dynamic_s2, s2_resize_output_to_scale_idx=-1: features of all tiles and the
        last scale's (rows, columns), or None for a picture beside others -> [tokens, width]."""
        if block_size is None:
            whole, blocks = merge_chessboard(features, 1, 1).repeat(1, len(scales), 1, 1), (1, 1)
        else:
            maps, start, blocks = [], 0, block_size
            for down, across in [(scale // scales[0],) * 2 for scale in scales[:-1]] + [block_size]:
                maps.append(merge_chessboard(features[start:start + down * across], down, across))
                start += down * across
            assert start == len(features)
            whole = torch.cat([functional.interpolate(one, size=maps[-1].shape[-2:], mode="area") for one in maps], dim=1)
        rows = self.project(split_chessboard(whole, *blocks).flatten(2).transpose(1, 2))
        return merge_chessboard(rows, *blocks)[0].flatten(1).T
