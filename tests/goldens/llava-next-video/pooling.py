"""What LLaVA-VL/LLaVA-NeXT does with the features of frames (llava/model/llava_arch.py: get_2dPool, add_token_per_grid, add_token_per_frame)."""
import math

import torch

MODES, POSITIONS, NEWLINES = ("average", "max", "bilinear"), ("pre_projector", "post_projector"), ("grid", "frame", "one_token", "no_token")


def pool(features, mode, stride=2):
    """[frames, side * side, width] -> [frames, pooled * pooled, width]; average and max drop what no whole window covers, bilinear does not."""
    frames, tokens, width = features.shape
    side = math.isqrt(tokens)
    maps = features.reshape(frames, side, side, width).permute(0, 3, 1, 2)
    if mode == "bilinear":
        maps = torch.nn.functional.interpolate(maps, size=[math.ceil(side / stride)] * 2, mode="bilinear")
    else:
        maps = {"average": torch.nn.functional.avg_pool2d, "max": torch.nn.functional.max_pool2d}[mode](maps, stride)
    return maps.flatten(2).transpose(1, 2)


def with_newlines(rows, newline, position):
    """[frames, tokens, width] -> [all tokens, width]: a newline after each row, after each frame, one at the end, or none."""
    frames, tokens, width = rows.shape
    if position in ("grid", "frame"):
        lines = math.isqrt(tokens) if position == "grid" else 1
        rows = rows.reshape(frames * lines, tokens // lines, width)
        rows = torch.cat([rows, newline.expand(len(rows), 1, width)], dim=1)
    flat = rows.flatten(0, 1)
    return torch.cat([flat, newline[None]]) if position == "one_token" else flat


def embeddings(features, projector, newline, mode, where, position):
    """Released with the models in April 2024: pooled before the projector. Since c1b1f44 (2024-08-14): after it."""
    rows = projector(pool(features, mode)) if where == "pre_projector" else pool(projector(features), mode)
    return with_newlines(rows, newline, position)
