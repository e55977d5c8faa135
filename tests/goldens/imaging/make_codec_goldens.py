#!/usr/bin/env python3
"""Writes codec/: small pictures in every format, and codec.json with the RGB that the decoder must give for each.

What is expected is Pillow's own convert("RGB") after exif_transpose, with these differences, which are the decoder's policy:
alpha is composited over white, 16-bit grey keeps its high byte. "tolerance" is the largest difference allowed in one value.
Run with Pillow 13.0.0 in this folder:  python3 make_codec_goldens.py
"""
import base64
import hashlib
import io
import json
import pathlib
import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

WIDTH, HEIGHT = 33, 21
OUT = pathlib.Path(__file__).parent / "codec"
CASES = []


def scene():
    """A smooth gradient with a hard edge and a little texture."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red, green, blue = x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x * 7 + y * 13) % 256 // 2
    pixels = np.stack([red, green, blue], axis=2)
    pixels[6:14, 10:20] = (250, 240, 10)
    return pixels.astype(np.uint8)


RGB = Image.fromarray(scene())
ALPHA = Image.fromarray(((np.mgrid[0:HEIGHT, 0:WIDTH][1] * 8) % 256).astype(np.uint8))
RGBA = RGB.copy()
RGBA.putalpha(ALPHA)
GREY = RGB.convert("L")


def over_white(image):
    rgba = np.asarray(image.convert("RGBA")).astype(np.int64)
    color, alpha = rgba[..., :3], rgba[..., 3:]
    return Image.fromarray(((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8))


def add(name, data, expected=None, tolerance=0):
    """Stores a file and what it must decode to; by default what Pillow makes of it."""
    if expected is None:
        expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    (OUT / name).write_bytes(data)
    pixels = expected.tobytes()
    CASES.append({"file": name, "width": expected.width, "height": expected.height, "tolerance": tolerance,
                  "sha256": hashlib.sha256(pixels).hexdigest(), "deflated": base64.b64encode(zlib.compress(pixels, 9)).decode()})


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def jpegs():
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        add(f"rgb-{name}.jpg", saved(RGB, "JPEG", quality=85, subsampling=subsampling))
    add("progressive-420.jpg", saved(RGB, "JPEG", quality=85, subsampling=2, progressive=True))
    add("grey.jpg", saved(GREY, "JPEG", quality=85))
    # Colour management differs from Pillow's plain inversion: only the size and a rough likeness are held.
    add("cmyk.jpg", saved(RGB.convert("CMYK"), "JPEG", quality=95), tolerance=130)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"orientation-{orientation}.jpg", saved(RGB, "JPEG", quality=85, subsampling=0, exif=exif))


def png16(values, color_type):
    """A 16-bit PNG, which Pillow cannot write for colours."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def interlaced():
    """Adam7 by hand: Pillow reads it but does not write it."""
    pixels, rows = scene(), b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for row in pixels[y0::dy, x0::dx]:
            rows += b"\0" + row.tobytes()
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pngs():
    add("rgb.png", saved(RGB, "PNG"))
    add("rgba.png", saved(RGBA, "PNG"), over_white(RGBA))
    palette = RGB.quantize(64)
    add("palette.png", saved(palette, "PNG"))
    add("palette-4bit.png", saved(RGB.quantize(13), "PNG"))
    transparent = saved(palette, "PNG", transparency=bytes(range(0, 256, 4)))
    add("palette-alpha.png", transparent, over_white(Image.open(io.BytesIO(transparent))))
    add("grey.png", saved(GREY, "PNG"))
    add("bilevel.png", saved(GREY.convert("1"), "PNG"))
    grey_alpha = Image.merge("LA", (GREY, ALPHA))
    add("grey-alpha.png", saved(grey_alpha, "PNG"), over_white(grey_alpha))
    noise = np.random.default_rng(7).integers(0, 65536, (HEIGHT, WIDTH, 4))
    high = Image.fromarray((noise[..., 0] >> 8).astype(np.uint8)).convert("RGB")
    add("grey16.png", png16(noise[..., 0], 0), high)
    add("rgb16.png", png16(noise[..., :3].reshape(HEIGHT, -1), 2))
    add("rgba16.png", png16(noise.reshape(HEIGHT, -1), 6), over_white(Image.fromarray((noise >> 8).astype(np.uint8))))
    add("interlaced.png", interlaced())
    exif = Image.Exif()
    exif[0x0112] = 6
    add("orientation-6.png", saved(RGB, "PNG", exif=exif))


def others():
    add("lossy.webp", saved(RGB, "WEBP", quality=80))
    add("lossless.webp", saved(RGB, "WEBP", lossless=True))
    add("alpha.webp", saved(RGBA, "WEBP", lossless=True, exact=True), over_white(RGBA))
    first = RGB.quantize(32)
    add("animated.gif", saved(first, "GIF", save_all=True, append_images=[ImageOps.mirror(RGB).quantize(32)], duration=100),
        first.convert("RGB"))
    add("animated.webp", saved(RGB, "WEBP", save_all=True, append_images=[ImageOps.mirror(RGB)], lossless=True), RGB)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "raw"):
        add(f"{compression}.tiff", saved(RGB, "TIFF", compression=compression))
    values = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * 90 % 65536
    high = Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    add("grey16.tiff", saved(Image.fromarray(values.astype(np.uint16)), "TIFF"), high)
    add("bilevel.tiff", saved(GREY.convert("1"), "TIFF", compression="group4"))
    add("pages.tiff", saved(RGB, "TIFF", save_all=True, append_images=[GREY.convert("RGB")]), RGB)
    add("rgb.bmp", saved(RGB, "BMP"))
    add("palette.bmp", saved(palette_bmp(), "BMP"))
    add("bilevel.bmp", saved(GREY.convert("1"), "BMP"))
    add("bgrx.bmp", saved(RGBA, "BMP"), None)
    # With 4:2:0 libheif repeats chroma where libavif interpolates it; that is not held here.
    add("lossy.avif", saved(RGB, "AVIF", quality=80, subsampling="4:4:4"), tolerance=3)
    add("alpha.avif", saved(RGBA, "AVIF", quality=100, subsampling="4:4:4"), over_white(RGBA), tolerance=12)


def palette_bmp():
    return RGB.quantize(40)


def main():
    assert PIL.__version__ == "13.0.0", PIL.__version__
    OUT.mkdir(exist_ok=True)
    jpegs()
    pngs()
    others()
    lines = ",\n".join(json.dumps(case) for case in CASES)
    made = f"Pillow {PIL.__version__}, make_codec_goldens.py"
    (OUT.parent / "codec.json").write_text(f'{{"made_with": "{made}",\n "cases": [\n{lines}\n]}}\n')


main()
