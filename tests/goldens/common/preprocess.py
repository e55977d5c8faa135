"""Pixels as the original repositories make them, and as transformers' Pillow processors make them.

Every resize here runs width first, then height, each with its own 8-bit result: what Pillow up to 12 did, and so what the
models were trained with. Pillow 13 chooses the order by shape; resizing in two calls pins it.
"""
import contextlib

import numpy as np
from PIL import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
BICUBIC = Image.Resampling.BICUBIC
_pillow_resize = Image.Image.resize


def resize(image, size, resample=BICUBIC, *_, **__):
    """Pillow's resize with the horizontal pass first."""
    width, height = size
    if image.size == (width, height):
        return image.copy()
    return _pillow_resize(_pillow_resize(image, (width, image.height), resample), (width, height), resample)


@contextlib.contextmanager
def horizontal_first():
    """Within this block, code that calls Image.resize (transformers' Pil processors) runs the pinned order."""
    Image.Image.resize = resize
    try:
        yield
    finally:
        Image.Image.resize = _pillow_resize


def expand_to_square(image, colour):
    """haotian-liu/LLaVA llava/mm_utils.py expand2square: centre on a square canvas, offsets rounded down."""
    side = max(image.size)
    canvas = Image.new("RGB", (side, side), colour)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


def shortest_edge_crop(image, size):
    """transformers CLIPImageProcessor: shortest edge to size, the other int(size * long / short); then the centre square."""
    short, long = sorted(image.size)
    other = int(size * long / short)
    image = resize(image, (size, other) if image.width <= image.height else (other, size))
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def normalise(image, mean=CLIP_MEAN, std=CLIP_STD):
    """transformers image_transforms rescale and normalize: the product in float64, rounded to float32, then float32."""
    pixels = (np.asarray(image).astype(np.float64) * (1 / 255)).astype(np.float32)
    pixels = (pixels - np.array(mean, dtype=np.float32)) / np.array(std, dtype=np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def llava_original(image, size, aspect_ratio, mean=CLIP_MEAN, std=CLIP_STD):
    """haotian-liu/LLaVA llava/mm_utils.py process_images, for "pad" and for an absent setting (crop)."""
    if aspect_ratio == "pad":
        image = resize(expand_to_square(image, tuple(int(255 * m) for m in mean)), (size, size))
    else:
        image = shortest_edge_crop(image, size)
    return normalise(image, mean, std)[None]


def clip_transformers(image, size, pinned=True):
    """transformers CLIPImageProcessorPil; unpinned only to see where the pass order matters."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    processor = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    with horizontal_first() if pinned else contextlib.nullcontext():
        return np.stack(processor(image)["pixel_values"]).astype(np.float32)


def check_pass_order(image, size):
    """Unpinned, Pillow 13 must agree unless it runs the vertical pass first: H > h and H - h > 2 (W - w), FAMILIES 0.3."""
    short, long = sorted(image.size)
    other = int(size * long / short)
    width, height = (size, other) if image.width <= image.height else (other, size)
    lost = image.height - height
    vertical_first = lost > 0 and lost > 2 * (image.width - width)
    agrees = np.array_equal(clip_transformers(image, size), clip_transformers(image, size, pinned=False))
    assert agrees or vertical_first, f"{image.size} to {size}: the pass order does not explain the difference"
    return vertical_first and not agrees
