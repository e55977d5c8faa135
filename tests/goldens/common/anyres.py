"""LLaVA-NeXT's tiling as haotian-liu/LLaVA llava/mm_utils.py does it: pinpoints are (width, height), the first of equals wins."""
import contextlib
import math

import numpy as np
from PIL import Image

import preprocess


def select_best_resolution(size, pinpoints):
    """select_best_resolution: most of the picture's own pixels, then least waste."""
    best, most, least = None, -1, math.inf
    for width, height in pinpoints:
        scale = min(width / size[0], height / size[1])
        effective = min(int(size[0] * scale) * int(size[1] * scale), size[0] * size[1])
        waste = width * height - effective
        if effective > most or effective == most and waste < least:
            best, most, least = (width, height), effective, waste
    return best


def fitted(size, target):
    """resize_and_pad_image: as large as fits, rounded up."""
    (width, height), (target_width, target_height) = size, target
    if target_width / width < target_height / height:
        return target_width, min(math.ceil(height * (target_width / width)), target_height)
    return min(math.ceil(width * (target_height / height)), target_width), target_height


def resize_and_pad(image, target, fit=fitted):
    """resize_and_pad_image: centred on black."""
    (target_width, target_height), new = target, fit(image.size, target)
    canvas = Image.new("RGB", target, (0, 0, 0))
    canvas.paste(preprocess.resize(image, new), ((target_width - new[0]) // 2, (target_height - new[1]) // 2))
    return canvas, new


def slices(image, side, pinpoints, mean, std, fit=fitted):
    """process_anyres_image: the whole picture stretched, then the tiles by rows; and the facts of the plan."""
    target = select_best_resolution(image.size, pinpoints)
    canvas, refined = resize_and_pad(image, target, fit)
    tiles = [canvas.crop((x, y, x + side, y + side)) for y in range(0, target[1], side) for x in range(0, target[0], side)]
    pixels = np.stack([preprocess.normalise(tile, mean, std) for tile in [preprocess.resize(image, (side, side)), *tiles]])
    return pixels, {"grid": {"columns": target[0] // side, "rows": target[1] // side},
                    "refined": {"width": refined[0], "height": refined[1]}}


def check_against(processor, image, pixels):
    """transformers' Pillow processor, with the pass order pinned and the pinpoints turned to (height, width), agrees."""
    with preprocess.horizontal_first():
        theirs = np.asarray(processor(image)["pixel_values"][0], dtype=np.float32)
    assert np.array_equal(theirs, pixels), f"{image.size}: the original's slices and transformers' differ"


@contextlib.contextmanager
def original_unpad(module):
    """transformers rounds the unpadded size to seven places first; the original only truncates. Raises where it matters."""
    builtin_round = round
    module.round = lambda x, digits: _same_whole(x, builtin_round(x, digits))
    try:
        yield
    finally:
        del module.round


def _same_whole(exact, rounded):
    assert int(exact) == int(rounded), "transformers' unpad differs from the original's here: choose another picture"
    return rounded
