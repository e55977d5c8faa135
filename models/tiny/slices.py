"""The engine's LLaVA-NeXT preprocessing (src/Engine/Vision/Families/LlavaNext): canvas, overview, tiles, and the order of the embeddings."""
import math
from PIL import Image

IMAGE, PATCH = 128, 16                                              # sides of a tile and of a patch
SIDE = IMAGE // PATCH
TOKENS = SIDE ** 2
CANVASES = [(256, 128), (128, 256), (256, 256), (384, 128), (128, 384)]     # width, height; the first wins a tie
NEWLINE = -1


def select_best(w, h):
    """The canvas that keeps most of the picture's pixels, then the one that wastes least (llava/mm_utils.py, select_best_resolution)."""
    def key(canvas):
        scale = min(canvas[0] / w, canvas[1] / h)
        kept = min(int(w * scale) * int(h * scale), w * h)
        return kept, kept - canvas[0] * canvas[1]
    return max(CANVASES, key=key)


def fit(w, h, canvas):
    """Size and place of the picture in the canvas (resize_and_pad_image)."""
    x, y = canvas[0] / w, canvas[1] / h
    new = (canvas[0], min(math.ceil(h * x), canvas[1])) if x < y else (min(math.ceil(w * y), canvas[0]), canvas[1])
    return new, ((canvas[0] - new[0]) // 2, (canvas[1] - new[1]) // 2)


def unpad(w, h, columns, rows):
    """The map's cells that are kept: left, top, columns, rows (llava_arch.py, unpad_image)."""
    if w / h > columns / rows:
        pad = (rows - int(h * (columns / w))) // 2
        return 0, pad, columns, rows - 2 * pad
    pad = (columns - int(w * (rows / h))) // 2
    return pad, 0, columns - 2 * pad, rows


def order(w, h, canvas):
    """Index of every embedding of a picture in the rows of its slices: the overview, then the unpadded map with newlines."""
    left, top, columns, rows = unpad(w, h, canvas[0] // PATCH, canvas[1] // PATCH)
    out = list(range(TOKENS))
    for y in range(top, top + rows):
        for x in range(left, left + columns):
            tile = 1 + y // SIDE * (canvas[0] // IMAGE) + x // SIDE
            out.append(tile * TOKENS + y % SIDE * SIDE + x % SIDE)
        out.append(NEWLINE)
    return out


def cut(im, items):
    """[(slice, its items, whether it is a tile)]: the overview, stretched, then the tiles row by row. The boxes follow."""
    w, h = im.size
    canvas = select_best(w, h)
    (nw, nh), (left, top) = fit(w, h, canvas)
    out = [(im.resize((IMAGE, IMAGE), Image.BICUBIC), moved(items, 0, 0, IMAGE / w, IMAGE / h), False)]
    whole = Image.new("RGB", canvas)
    whole.paste(im.resize((nw, nh), Image.BICUBIC), (left, top))
    items = moved(items, left, top, nw / w, nh / h)
    for y in range(0, canvas[1], IMAGE):
        for x in range(0, canvas[0], IMAGE):
            out.append((whole.crop((x, y, x + IMAGE, y + IMAGE)), moved(items, -x, -y, 1, 1), True))
    return out, order(w, h, canvas)


def moved(items, dx, dy, kx, ky):
    return [(i[0], i[1], i[2] * kx + dx, i[3] * ky + dy, i[4] * kx + dx, i[5] * ky + dy, *i[6:]) for i in items]
