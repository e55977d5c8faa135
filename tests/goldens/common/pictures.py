"""The pictures the goldens are made from: small, deterministic, each there for one reason (see PICTURES)."""
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import clips


def _gradient(width, height, corners):
    """Bilinear blend of four corner colours."""
    y = np.linspace(0, 1, height)[:, None, None]
    x = np.linspace(0, 1, width)[None, :, None]
    a, b, c, d = (np.array(corner, dtype=np.float64) for corner in corners)
    blend = (1 - y) * ((1 - x) * a + x * b) + y * ((1 - x) * c + x * d)
    return Image.fromarray((blend + 0.5).astype(np.uint8))


def _noise(width, height, seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def _shapes(width, height):
    image = _gradient(width, height, [(20, 40, 90), (200, 180, 90), (90, 160, 220), (240, 240, 250)])
    draw = ImageDraw.Draw(image)
    draw.ellipse([width * 0.1, height * 0.15, width * 0.5, height * 0.75], fill=(220, 40, 30))
    draw.rectangle([width * 0.55, height * 0.3, width * 0.9, height * 0.9], fill=(20, 140, 60))
    draw.line([0, height - 1, width - 1, 0], fill=(0, 0, 0), width=3)
    return image


def _page(width, height):
    image = Image.new("RGB", (width, height), (255, 255, 255))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    words = "quartz tessera mosaic 0123456789 shard glass colour tile edge".split()
    for row in range(height // 18):
        line = " ".join(words[(row * 5 + k * 7) % len(words)] for k in range(24))
        draw.text((8, 4 + row * 18), line[: 60 + row * 2], fill=(0, 0, 0), font=font)
    draw.rectangle([width * 0.6, height * 0.55, width * 0.95, height * 0.9], fill=(30, 60, 160))
    return image.quantize(16).convert("RGB")


PICTURES = {
    "native": (lambda: _noise(56, 56, 1), "as large as the tower's input: no resampling at 56"),
    "wide": (lambda: _gradient(183, 61, [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]), "3:1"),
    "tall": (lambda: _shapes(101, 253), "1:2.5, odd sides; Pillow 13 would resize it vertically first"),
    "page": (lambda: _page(900, 620), "fine text, heavily reduced"),
    "small": (lambda: _noise(40, 30, 2), "smaller than the input: enlarged"),
    "line": (lambda: _gradient(1, 50, [(250, 20, 20)] * 2 + [(10, 200, 250)] * 2), "one pixel wide"),
    "shapes": (lambda: _shapes(120, 90), "4:3, flat areas and edges"),
    "dark": (lambda: _gradient(64, 96, [(0, 0, 0), (40, 20, 60), (10, 70, 30), (90, 90, 20)]), "2:3, low contrast"),
    "square": (lambda: _shapes(300, 300), "its map of 20 x 20 cells is reduced by 20 // 1.666..., which is 11 and not 12"),
    "edge": (lambda: _shapes(45, 68), "on a canvas of 56 x 112 an odd number of rows is left over, so one side's padding just reaches the next patch"),
    "whole": (lambda: _shapes(75, 50), "75 * (56 / 50) is 84.000...01 in double, which rounds up to 85"),
    "native62": (lambda: _noise(62, 62, 3), "as large as the input of a tower of 62 pixels"),
}


def draw(folder):
    """Draws every picture, and the clip, into folder; returns the pictures as read back from the files."""
    folder.mkdir(parents=True, exist_ok=True)
    clips.draw(folder)
    for name, (make, _) in PICTURES.items():
        image = make()
        if name == "page":
            image = image.quantize(16)
        image.save(folder / f"{name}.png", optimize=True)
    return {name: Image.open(folder / f"{name}.png").convert("RGB") for name in PICTURES}
