"""Colours, backgrounds, shapes, fonts and word lists for generate.py."""
import colorsys, math, os, random
from PIL import Image, ImageDraw, ImageFont

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.environ.get("TINY_DATA", os.path.join(HERE, ".data"))
SHAPES = ["circle", "square", "triangle", "star", "heart", "diamond", "rectangle", "oval", "cross", "ring", "arrow"]
# Hue range in degrees, then saturation and value ranges: wide enough to be a colour and not one number, with gaps between names.
COLOURS = {
    "red": (-8, 6, .8, 1, .75, 1), "orange": (24, 34, .9, 1, .92, 1), "yellow": (50, 60, .75, 1, .9, 1),
    "green": (95, 145, .6, 1, .45, .85), "blue": (208, 238, .7, 1, .65, 1), "purple": (268, 286, .6, 1, .5, .8),
    "pink": (318, 342, .35, .6, .95, 1), "brown": (18, 28, .6, .85, .35, .5),
    "black": (0, 360, 0, .1, 0, .12), "white": (0, 360, 0, .03, .96, 1), "grey": (0, 360, 0, .06, .45, .6)}
FONTS = ["dejavu/DejaVuSans", "dejavu/DejaVuSans-Bold", "liberation/LiberationSans-Regular", "liberation/LiberationSans-Bold",
         "open-sans/OpenSans-Bold", "roboto/unhinted/RobotoTTF/Roboto-Medium", "roboto/unhinted/RobotoTTF/Roboto-Bold"]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read_emoji():
    lines = [l.strip().split(" ", 1) for l in open(os.path.join(HERE, "emoji.txt"), encoding="utf-8") if l[0] != "#"]
    return [(short, name) for short, name in lines]


EMOJI = read_emoji()
_cache = {}


def cached(key, make):
    if key not in _cache:
        _cache[key] = make()
    return _cache[key]


def font(name, size):
    def load():
        for root in ("/usr/share/fonts/truetype", os.path.join(DATA, "fonts")):
            if os.path.exists(f"{root}/{name}.ttf"):
                return ImageFont.truetype(f"{root}/{name}.ttf", size)
        raise FileNotFoundError(f"font {name}: run setup.sh")
    return cached((name, size), load)


def words(held_out):
    """English words of 2 to 6 letters; every tenth is kept for tests only."""
    def load():
        path = next(p for p in (os.path.join(DATA, "words"), "/usr/share/dict/words") if os.path.exists(p))
        both = sorted({w.strip().upper() for w in open(path, encoding="utf-8")
                       if w.strip().isascii() and w.strip().isalpha() and 2 <= len(w.strip()) <= 6 and w.strip().islower()})
        split = [[], []]
        for w in both:
            split[sum((i + 1) * ord(c) for i, c in enumerate(w)) % 10 == 0].append(w)
        return split
    return cached("words", load)[held_out]


def colour(r, name):
    h0, h1, s0, s1, v0, v1 = COLOURS[name]
    rgb = colorsys.hsv_to_rgb(r.uniform(h0, h1) / 360 % 1, r.uniform(s0, s1), r.uniform(v0, v1))
    return tuple(round(255 * c) for c in rgb)


def far(a, b):
    return math.dist(a, b)


def light(c):
    return .3 * c[0] + .59 * c[1] + .11 * c[2]


def back_colour(r):
    kind = r.random()
    if kind < .45:
        hsv = r.random(), r.uniform(0, .3), r.uniform(.8, 1)
    elif kind < .65:
        hsv = r.random(), r.uniform(0, .5), r.uniform(0, .35)
    elif kind < .75:
        hsv = 0, 0, r.choice((1, 1, .95, 0))
    else:
        hsv = r.random(), r.uniform(.2, .7), r.uniform(.4, .95)
    return tuple(round(255 * c) for c in colorsys.hsv_to_rgb(*hsv))


def background(r, w, h, ok):
    """A canvas whose colours all pass ok(), plain in half of the cases."""
    for _ in range(400):
        a = back_colour(r)
        if ok(a):
            break
    else:
        a = (255, 255, 255) if ok((255, 255, 255)) else (0, 0, 0)
    b = a
    for _ in range(30):
        t = r.uniform(.15, .7)
        c = tuple(round(x + t * (y - x)) for x, y in zip(a, back_colour(r)))
        if ok(c):
            b = c
            break
    style = r.random()
    im = Image.new("RGB", (w, h), a)
    if style < .45 or a == b:
        return im
    other = Image.new("RGB", (w, h), b)
    if style < .6:
        mask = Image.linear_gradient("L").rotate(r.choice((0, 90, 180, 270))).resize((w, h), Image.BILINEAR)
    elif style < .72:
        mask = Image.effect_noise((w // 2, h // 2), r.uniform(20, 70)).resize((w, h), Image.NEAREST)
    elif style < .84:
        mask = Image.new("L", (w, h))
        d, step, slant = ImageDraw.Draw(mask), r.randint(12, 50), r.choice((0, 0, .5, -.5, 1))
        for x in range(-h - step, w + h + step, 2 * step):
            if r.random() < .999:
                d.polygon([(x, 0), (x + step, 0), (x + step + slant * h, h), (x + slant * h, h)], fill=r.choice((255, 200)))
        if r.random() < .5:
            mask = mask.transpose(Image.TRANSPOSE).resize((w, h), Image.BILINEAR)
    else:
        n = r.randint(3, 6)
        mask = Image.frombytes("L", (n, n), r.randbytes(n * n)).resize((w, h), Image.BICUBIC)
    return Image.composite(other, im, mask)


def outline(shape, cx, cy, w, h):
    """Polygon of a shape inside its box."""
    def star(n, inner):
        return [(cx + w / 2 * k * math.sin(math.pi * i / n), cy - h / 2 * k * math.cos(math.pi * i / n))
                for i in range(2 * n) for k in [(1, inner)[i % 2]]]
    if shape == "star":
        return star(5, .42)
    if shape == "triangle":
        return [(cx, cy - h / 2), (cx + w / 2, cy + h / 2), (cx - w / 2, cy + h / 2)]
    if shape == "diamond":
        return [(cx, cy - h / 2), (cx + w / 2, cy), (cx, cy + h / 2), (cx - w / 2, cy)]
    if shape == "heart":
        pts = []
        for i in range(40):
            t = 2 * math.pi * i / 40
            x = 16 * math.sin(t) ** 3
            y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
            pts.append((cx + w / 2 * x / 16, cy - h / 2 * (y + 2.5) / 14.5))
        return pts
    unit = {"cross": [(-1, -.33), (-.33, -.33), (-.33, -1), (.33, -1), (.33, -.33), (1, -.33), (1, .33), (.33, .33), (.33, 1),
                      (-.33, 1), (-.33, .33), (-1, .33)],
            "arrow": [(-1, -.3), (.1, -.3), (.1, -1), (1, 0), (.1, 1), (.1, .3), (-1, .3)]}[shape]
    return [(cx + w / 2 * x, cy + h / 2 * y) for x, y in unit]


def draw_shape(r, im, shape, rgb, cx, cy, s):
    """Draws with 3x oversampling into the box it returns."""
    w = h = s
    if shape in ("rectangle", "oval"):
        long = r.uniform(.48, .62)
        w, h = (s, s * long) if r.random() < .7 else (s * long, s)
    elif shape == "diamond":
        w = s * .8
    k, n = 3, (math.ceil(w) + 2, math.ceil(h) + 2)
    mask = Image.new("L", (n[0] * k, n[1] * k))
    d, mx, my = ImageDraw.Draw(mask), n[0] * k / 2, n[1] * k / 2
    box = (mx - w * k / 2, my - h * k / 2, mx + w * k / 2, my + h * k / 2)
    if shape in ("circle", "oval", "ring"):
        d.ellipse(box, fill=255)
        if shape == "ring":
            hole = r.uniform(.5, .65) * s * k / 2
            d.ellipse((mx - hole, my - hole, mx + hole, my + hole), fill=0)
    elif shape in ("square", "rectangle"):
        d.rectangle(box, fill=255)
    else:
        d.polygon(outline(shape, mx, my, w * k, h * k), fill=255)
        if shape == "arrow":
            turn = r.choice((0, 90, 180, 270))
            mask = mask.rotate(turn)
    mask = mask.resize(n, Image.BOX)
    im.paste(rgb, (round(cx - n[0] / 2), round(cy - n[1] / 2)), mask)
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def axis_place(r, lo, hi, cell):
    """A coordinate in [lo, hi] (fractions) well inside third number `cell`, or None."""
    a, b = ((0, .28), (.40, .60), (.72, 1))[cell]
    a, b = max(a, lo), min(b, hi)
    return r.uniform(a, b) if a <= b else None


CELLS = [["top left", "top", "top right"], ["left", "centre", "right"], ["bottom left", "bottom", "bottom right"]]


def canvas_size(r):
    s = r.randint(144, 400)
    if r.random() < .5:
        return s, s
    t = max(128, round(s / r.uniform(1, 1.5)))
    return (s, t) if r.random() < .5 else (t, s)


def place(r, w, h, s):
    """Centre of an object of size s in a random cell of the 3x3 grid that can hold it, and the cell's name."""
    while True:
        row, col = r.randrange(3), r.randrange(3)
        x = axis_place(r, s / 2 / w + .01, 1 - s / 2 / w - .01, col)
        y = axis_place(r, s / 2 / h + .01, 1 - s / 2 / h - .01, row)
        if x is not None and y is not None:
            return x * w, y * h, CELLS[row][col]
