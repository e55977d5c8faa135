"""Draws the pictures the tiny model learns from, and test pictures it has never seen.

    python3 generate.py --seed 7 --count 20 --out /tmp/pictures     # PNG files and questions.jsonl

Needs Pillow, and the fonts, words and emoji pictures that setup.sh fetches. Each picture comes with `meta`, the facts that
questions.py turns into questions, and `items`, (class, colour, x0, y0, x1, y1, letter number), for the trainer's helper losses.
"""
import argparse, json, os, random
from PIL import Image, ImageDraw, ImageEnhance
from draw import (CELLS, COLOURS, DATA, EMOJI, FONTS, LETTERS, SHAPES, background, cached, canvas_size, colour, draw_shape, far, font,
                  light, place, words)

KINDS = ["shape", "two", "count", "word", "emoji"]
PAD = (122, 116, 104)


def shape_picture(r):
    w, h = canvas_size(r)
    shape, name = r.choice(SHAPES), r.choice(list(COLOURS))
    rgb = colour(r, name)
    im = background(r, w, h, lambda c: far(c, rgb) > 110)
    s = min(w, h) * min(r.uniform(.2, .55), r.uniform(.2, .95))
    cx, cy, where = place(r, w, h, s)
    box = draw_shape(r, im, shape, rgb, cx, cy, s)
    return im, dict(kind="shape", shape=shape, colour=name, where=where), [(shape, name, *box)]


def many_picture(r, two):
    """1 to 5 shapes that do not touch; or two different ones (`two`), told apart by shape and by left and right."""
    w, h = canvas_size(r)
    n = 2 if two else r.randint(1, 5)
    while True:
        mix = r.random()
        shapes = r.sample(SHAPES, 2) if two else [r.choice(SHAPES)] * n if mix < .8 else [r.choice(SHAPES) for _ in range(n)]
        names = [r.choice(list(COLOURS)) for _ in range(n)] if two or mix > .6 else [r.choice(list(COLOURS))] * n
        if two or len(set(shapes)) == 1 or n > 1:
            break
    rgbs = [colour(r, c) for c in names]
    im = background(r, w, h, lambda c: all(far(c, rgb) > 100 for rgb in rgbs))
    big = min(w, h) * r.uniform(.16, .34)
    for attempt in range(400):
        if attempt % 40 == 39:
            big *= .85
        put = []
        for i in range(n):
            s = big * r.uniform(.75, 1)
            put.append((*place(r, w, h, s), s) if two else
                       (r.uniform(s / 2 + 2, w - s / 2 - 2), r.uniform(s / 2 + 2, h - s / 2 - 2), None, s))
        apart = all(max(abs(a[0] - b[0]), abs(a[1] - b[1])) > (a[3] + b[3]) / 2 + .03 * min(w, h)
                    for i, a in enumerate(put) for b in put[:i])
        if apart and (not two or abs(put[0][0] - put[1][0]) > .2 * w):
            break
    items = [(shape, name, *draw_shape(r, im, shape, rgb, p[0], p[1], p[3]))
             for shape, name, rgb, p in zip(shapes, names, rgbs, put)]
    parts = sorted(zip((p[0] for p in put), shapes, names, (p[2] for p in put)))
    if two:
        return im, dict(kind="two", things=[p[1:] for p in parts]), items
    return im, dict(kind="count", n=n, shape=shapes[0] if len(set(shapes)) == 1 else None,
                    colour=names[0] if len(set(names)) == 1 else None), items


def text_for(r, held_out):
    kind = r.random()
    if kind < .25:
        return "".join(r.choice("0123456789") for _ in range(r.randint(1, 5)))
    if kind < .5 and not held_out:
        return "".join(r.choice(LETTERS) for _ in range(r.randint(1, 6)))
    return r.choice(words(held_out))


def word_picture(r, held_out):
    h, w = sorted(canvas_size(r))
    text, name = text_for(r, held_out), r.choice(list(COLOURS))
    rgb = colour(r, name)
    im = background(r, w, h, lambda c: abs(light(c) - light(rgb)) > 80)
    face = r.choice(FONTS)
    unit = font(face, 100)
    # Letters of 18 to 36 pixels once the picture is 128 wide, as far as the word fits; in training some are smaller.
    per = (r.uniform(18, 36) if held_out or r.random() < .7 else r.uniform(15, 20)) * max(w, h) / 128
    size = min(per * len(text), .92 * w) / unit.getlength(text) * 100
    top, bottom = unit.getbbox("H0")[1::2]
    size = max(8, 2 * round(min(size, .7 * h * 100 / (bottom - top)) / 2))
    f = font(face, size)
    length, (_, top, _, bottom) = f.getlength(text), f.getbbox("H0")
    x = r.uniform(.03 * w, max(.03 * w, .97 * w - length))
    y = r.uniform(.03 * h, max(.03 * h, .97 * h - (bottom - top)))
    ImageDraw.Draw(im).text((x, y - top), text, font=f, fill=rgb)
    items = [(c, name, x + f.getlength(text[:i]), y, x + f.getlength(text[:i + 1]), y + bottom - top, i + 1)
             for i, c in enumerate(text)]
    return im, dict(kind="word", text=text, colour=name), items


def emoji_picture(r):
    w, h = canvas_size(r)
    short, name = r.choice(EMOJI)
    glyph = cached(short, lambda: Image.open(f"{DATA}/emoji/{short}.png").convert("RGBA"))
    im = background(r, w, h, lambda c: True)
    s = min(w, h) * r.uniform(.35, .9)
    cx, cy, where = place(r, w, h, s)
    g = glyph.resize((round(s), round(s)), Image.BICUBIC)
    if r.random() < .5:
        g = g.rotate(r.uniform(-12, 12), Image.BILINEAR)
    if r.random() < .5:
        alpha = g.getchannel("A")
        g = ImageEnhance.Brightness(g.convert("RGB")).enhance(r.uniform(.8, 1.2))
        g.putalpha(alpha)
    im.paste(g, (round(cx - s / 2), round(cy - s / 2)), g)
    return im, dict(kind="emoji", name=name, where=where if s < .5 * min(w, h) else None), \
        [("emoji " + name, None, cx - s / 2, cy - s / 2, cx + s / 2, cy + s / 2)]


def small_canvas(r):
    """A picture for 3 or 4 tiles of 128, now and then for 2: width, height, and pixels of it to a tile's pixel."""
    w, h = r.choices(((256, 256), (384, 128), (128, 384), (256, 128), (128, 256)), (10, 6, 3, 1, 1))[0]
    k, other = 1 if r.random() < .4 else r.uniform(1, 2), r.uniform(.82, 1)
    return (round(w * k), round(h * k * other), k) if w > h or w == h and r.random() < .5 else (round(w * k * other), round(h * k), k)


def small_picture(r, held_out):
    """A word or number in letters of 16 to 22 pixels of a tile, anywhere; in half of the cases a shape or an emoji beside it."""
    w, h, k = small_canvas(r)
    text, name = text_for(r, held_out), r.choice(list(COLOURS))
    rgb = colour(r, name)
    shape, other = r.choice(SHAPES), r.choice([c for c in COLOURS if c != name])
    paint = colour(r, other)
    im = background(r, w, h, lambda c: abs(light(c) - light(rgb)) > 80 and far(c, paint) > 80)
    face = r.choice(FONTS)
    f = font(face, max(8, round(r.uniform(16, 22) * k * len(text) / font(face, 100).getlength(text) * 100)))
    if f.getlength(text) > .94 * w:
        f = font(face, int(f.size * .94 * w / f.getlength(text)))
    length, (_, top, _, bottom) = f.getlength(text), f.getbbox("H0")
    x, y = r.uniform(.02 * w, .98 * w - length), r.uniform(.02 * h, .98 * h - (bottom - top))
    meta, items = dict(kind="small", text=text, colour=name, thing=None), []
    s = min(w, h) * r.uniform(.3, .6)
    for _ in range(30 if r.random() < .5 else 0):
        cx, cy = r.uniform(s / 2 + 1, w - s / 2 - 1), r.uniform(s / 2 + 1, h - s / 2 - 1)
        if cx + s / 2 < x - 4 or cx - s / 2 > x + length + 4 or cy + s / 2 < y - 4 or cy - s / 2 > y + bottom - top + 4:
            if r.random() < .6:
                items.append((shape, other, *draw_shape(r, im, shape, paint, cx, cy, s)))
                meta["thing"] = [other, shape]
            else:
                short, thing = r.choice(EMOJI)
                glyph = cached(short, lambda: Image.open(f"{DATA}/emoji/{short}.png").convert("RGBA")).resize((round(s), round(s)), Image.BICUBIC)
                im.paste(glyph, (round(cx - s / 2), round(cy - s / 2)), glyph)
                items.append(("emoji " + thing, None, cx - s / 2, cy - s / 2, cx + s / 2, cy + s / 2))
                meta["thing"] = [None, thing]
            break
    ImageDraw.Draw(im).text((x, y - top), text, font=f, fill=rgb)
    box = x, y, x + length, y + bottom - top
    meta["box"] = [round(v / d, 4) for v, d in zip(box, (w, h, w, h))]
    return im, meta, items + [(c, name, x + f.getlength(text[:i]), y, x + f.getlength(text[:i + 1]), box[3], i + 1) for i, c in enumerate(text)]


def draw(r, kind, held_out=False):
    if kind == "small":
        return small_picture(r, held_out)
    if kind == "shape":
        return shape_picture(r)
    if kind in ("two", "count"):
        return many_picture(r, kind == "two")
    return word_picture(r, held_out) if kind == "word" else emoji_picture(r)


def to_input(im, items, size):
    """The engine's preprocessing up to the resize: pad to a square, then bicubic. The boxes follow."""
    w, h = im.size
    side = max(w, h)
    ox, oy = (side - w) // 2, (side - h) // 2
    if w != h:
        square = Image.new("RGB", (side, side), PAD)
        square.paste(im, (ox, oy))
        im = square
    k = size / side
    items = [(i[0], i[1], (i[2] + ox) * k, (i[3] + oy) * k, (i[4] + ox) * k, (i[5] + oy) * k, *i[6:]) for i in items]
    return im.resize((size, size), Image.BICUBIC), items


def main():
    from questions import questions
    a = argparse.ArgumentParser()
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--count", type=int, default=20)
    a.add_argument("--out", default="pictures")
    a.add_argument("--small", action="store_true", help="small print only")
    a.add_argument("--training", action="store_true", help="draw words from the training list, not the held-out one")
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "questions.jsonl"), "w", encoding="utf-8") as f:
        for i in range(a.count):
            r = random.Random(f"{a.seed}-{i}")
            im, meta, _ = draw(r, "small" if a.small else KINDS[i % len(KINDS)], not a.training)
            name = f"{i:05d}-{meta['kind']}.png"
            im.save(os.path.join(a.out, name))
            for kind, q, answer in questions(r, meta):
                f.write(json.dumps(dict(picture=name, kind=kind, question=q, answer=answer, meta=meta)) + "\n")


if __name__ == "__main__":
    main()
