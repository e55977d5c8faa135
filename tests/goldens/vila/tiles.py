"""How VILA cuts pictures: NVlabs/VILA llava/mm_utils.py, branch vila1.5 (commit 6b941da: process_image) and branch main (commit b760c34:
dynamic_preprocess, dynamic_s2_preprocess, find_closest_aspect_ratio), line by line; the multi-scale input of VILA1.5-3b-s2 after
bfshi/scaling_on_scales s2wrapper/core.py (commit 9c008a3)."""
import numpy as np
import torch
from torch.nn import functional

import preprocess


def stretch(image, side):
    """process_image with image_aspect_ratio "resize": the picture itself where it has the size, as Image.resize gives it."""
    return preprocess.resize(image, (side, side))


def find_closest_aspect_ratio(aspect_ratio, target_ratios, width, height, image_size):
    best_ratio_diff, best_ratio, area = float("inf"), (1, 1), width * height
    for ratio in target_ratios:
        ratio_diff = abs(aspect_ratio - ratio[0] / ratio[1])
        if ratio_diff < best_ratio_diff:
            best_ratio_diff, best_ratio = ratio_diff, ratio
        elif ratio_diff == best_ratio_diff and area > 0.5 * image_size * image_size * ratio[0] * ratio[1]:
            best_ratio = ratio
    return best_ratio


def target_ratio(image, min_num, max_num, image_size):
    """Columns and rows. The set's order within equal areas cannot be seen (FAMILIES 5); sorted here, so that it is the same each time."""
    ratios = {(i, j) for n in range(min_num, max_num + 1) for i in range(1, n + 1) for j in range(1, n + 1) if min_num <= i * j <= max_num}
    ratios = sorted(sorted(ratios), key=lambda x: x[0] * x[1])
    return find_closest_aspect_ratio(image.width / image.height, ratios, image.width, image.height, image_size)


def split(image, columns, rows, size):
    """The picture stretched over the grid, its tiles row by row."""
    resized = preprocess.resize(image, (columns * size, rows * size))
    return [resized.crop((i % columns * size, i // columns * size, (i % columns + 1) * size, (i // columns + 1) * size)) for i in range(columns * rows)]


def dynamic_preprocess(image, min_num, max_num, image_size):
    """The tiles, then the thumbnail where there are several; and columns and rows."""
    columns, rows = target_ratio(image, min_num, max_num, image_size)
    tiles = split(image, columns, rows, image_size)
    return tiles + [stretch(image, image_size)] * (len(tiles) != 1), (columns, rows)


def dynamic_s2_preprocess(image, s2_scales, max_num, image_size):
    """The tiles of each scale but the last as a square, then those of the last in the picture's ratio; and the last's columns and rows."""
    columns, rows = target_ratio(image, (s2_scales[-1] // s2_scales[0]) ** 2, max_num, image_size)
    tiles = [tile for scale in s2_scales[:-1] for tile in split(image, scale // s2_scales[0], scale // s2_scales[0], image_size)]
    return tiles + split(image, columns, rows, image_size), (columns, rows)


def split_chessboard(x, splits):
    """s2wrapper/utils.py: [b, c, h, w] -> [splits * splits * b, c, h / splits, w / splits]."""
    b, c, h, w = x.shape
    return x.reshape(b, c, splits, h // splits, splits, w // splits).permute(2, 4, 0, 1, 3, 5).reshape(-1, c, h // splits, w // splits)


def bicubic(pixels, size):
    """F.interpolate(mode="bicubic") of one picture [3, side, side] in double, rounded to float32 once: PyTorch's own float32 sums are within
    a few roundings of it, and differ from processor to processor."""
    exact = functional.interpolate(torch.from_numpy(pixels)[None].double(), size=size, mode="bicubic")[0].float()
    theirs = functional.interpolate(torch.from_numpy(pixels)[None], size=size, mode="bicubic")[0]
    assert (exact - theirs).abs().max() < 1e-6, "PyTorch's float32 resize is further from the exact one than rounding explains"
    return exact


def multiscale_input(pixels, img_sizes, max_split_size):
    """The first half of s2wrapper's forward: pixels [3, side, side] of the largest scale -> all scales' splits [slices, 3, split, split]."""
    return np.concatenate([split_chessboard(bicubic(pixels, size)[None], -(-size // max_split_size)).numpy() for size in img_sizes])
