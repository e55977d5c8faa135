#!/usr/bin/env python3
"""Writes resize.json: SHA-256 of what Pillow makes of pictures that a formula gives (see pattern below; the C# test has the same).

Two resize calls pin the order of the passes, horizontal first: Pillow 13 swaps them for some tall pictures.
Run with Pillow 13.0.0:  python3 make_resize_goldens.py > resize.json
"""
import base64
import hashlib
import json

import PIL
from PIL import Image

FILTERS = {"Box": Image.BOX, "Bilinear": Image.BILINEAR, "Bicubic": Image.BICUBIC, "Lanczos3": Image.LANCZOS}

# (source, target) as width x height, grouped by what each group catches.
SIZES = [
    # both passes, down
    ((64, 48), (32, 24)), ((100, 75), (33, 25)), ((97, 61), (31, 19)), ((257, 129), (128, 64)), ((400, 300), (134, 101)),
    # both passes, up
    ((16, 12), (32, 24)), ((13, 17), (41, 53)), ((33, 21), (100, 64)), ((7, 5), (224, 224)), ((31, 31), (32, 32)),
    # up one way, down the other
    ((20, 200), (60, 50)), ((200, 20), (50, 60)), ((37, 150), (38, 149)),
    # one axis unchanged: that pass is skipped
    ((64, 48), (64, 20)), ((64, 48), (20, 48)), ((64, 48), (64, 97)), ((64, 48), (97, 48)), ((50, 41), (50, 41)),
    # one-pixel sides
    ((1, 1), (5, 7)), ((1, 1), (336, 336)), ((40, 30), (1, 1)), ((1, 50), (20, 20)), ((50, 1), (20, 20)), ((2, 2), (1, 3)), ((3, 1), (2, 1)),
    # tall: Pillow 13 would go vertical first
    ((80, 130), (34, 34)), ((800, 1300), (336, 336)), ((60, 200), (30, 40)), ((123, 457), (56, 56)),
    # rows shorter than a vector, and just longer
    ((2, 9), (3, 4)), ((5, 9), (4, 4)), ((6, 9), (5, 4)), ((7, 9), (6, 4)), ((8, 9), (7, 4)), ((9, 9), (8, 4)), ((10, 9), (9, 5)), ((11, 9), (10, 8)),
    ((12, 11), (11, 10)), ((19, 3), (18, 2)), ((23, 8), (9, 3)),
    # extreme ratios
    ((20000, 1), (336, 336)), ((1, 20000), (336, 336)), ((5000, 3), (2, 3)), ((3, 5000), (3, 2)), ((4096, 2), (7, 500)),
    # sizes that models ask for
    ((640, 480), (336, 252)), ((500, 333), (448, 448)), ((336, 336), (672, 672)), ((1300, 800), (336, 336)), ((1000, 700), (378, 378)),
]


def pattern(kind, width, height, seed):
    """xorshift32 with shifts 13, 17, 5: its top byte ("noise"), or 0 and 255 by its top bit ("steps")."""
    state, values = seed, bytearray(width * height * 3)
    for i in range(len(values)):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        values[i] = state >> 24 if kind == "noise" else 255 * (state >> 31)
    return Image.frombytes("RGB", (width, height), bytes(values))


def case(index, source, target, name):
    kind, seed = ("noise", "steps")[index % 2], 2463534242 ^ index * 7919
    image = pattern(kind, *source, seed)
    resized = image.resize((target[0], source[1]), FILTERS[name]).resize(target, FILTERS[name])
    pixels = resized.tobytes()
    entry = {"source": source, "target": target, "filter": name, "pattern": kind, "seed": seed, "sha256": hashlib.sha256(pixels).hexdigest()}
    if len(pixels) <= 150:
        entry["pixels"] = base64.b64encode(pixels).decode()
    return entry


def main():
    assert PIL.__version__ == "13.0.0", PIL.__version__
    cases = [case(i, s, t, name) for i, (s, t) in enumerate(SIZES) for name in FILTERS]
    print('{"made_with": "Pillow %s, make_resize_goldens.py",\n "cases": [' % PIL.__version__)
    print(",\n".join(json.dumps(c) for c in cases))
    print("]}")


main()
