"""Batches for train.py: processes that draw pictures, and turns packed into fixed-size rows."""
import multiprocessing as mp, os, random
import numpy as np
import torch
from draw import COLOURS, EMOJI, LETTERS, SHAPES
from generate import KINDS, draw, to_input
from questions import chat, questions
from slices import IMAGE, NEWLINE, PATCH, TOKENS, cut

CLASSES = {c: i + 1 for i, c in enumerate(SHAPES + list(LETTERS + "0123456789") + ["emoji " + n for _, n in EMOJI])}
COLOUR_IDS = {c: i + 1 for i, c in enumerate(COLOURS)}
SHARE = [.22, .17, .13, .31, .17]           # of the kinds
SHARE_SLICED = [.11, .17, .09, .16, .11, .36]
WHOLE, OVERVIEW_ONLY = .55, .1              # of the pictures without small print, when training with slices
TEXT = 61                                   # of 3 + 64 + 61 = 128 positions
CHUNK = 64
UNKNOWN = -100                              # a label that costs nothing
LEAST_LETTER = 12                           # pixels: narrower letters have no label
STRETCHABLE = ("circle", "oval", "square", "rectangle")


def patch_labels(items, w, h):
    """(64, 7): class left and right of the patch's middle, colour, letter number, middle of a thing, place of the thing (1 to 9),
    letter number in the whole word where a tile shows a part of it."""
    n = IMAGE // PATCH
    out = np.zeros((n, n, 7), np.int64)
    k = IMAGE / max(w, h)
    mid = np.arange(n) * PATCH + PATCH / 2
    for name, colour, x0, y0, x1, y1, *order in items:
        grow = max(0, 9 - (y1 - y0) / 2) if order else max(0, 8.1 - min(x1 - x0, y1 - y0) / 2)
        rows = np.nonzero((mid >= y0 - grow) & (mid <= y1 + grow))[0]
        for side in (0, 1):
            shift = (-4, 4)[side] if order else 0
            g = 0 if order else grow
            cols = np.nonzero((mid + shift >= x0 - g) & (mid + shift < x1 + g))[0]
            cell = np.ix_(rows, cols)
            out[cell + (side,)] = CLASSES.get(name, UNKNOWN)
            out[cell + (2,)] = COLOUR_IDS.get(colour, 0)
            if not order:
                thirds = [min(2, max(0, int((c - (IMAGE - d * k) / 2) / (d * k) * 3))) for c, d in (((y0 + y1) / 2, h), ((x0 + x1) / 2, w))]
                out[cell + (5,)] = 1 + 3 * thirds[0] + thirds[1]
            if order and side == 0:
                out[cell + (3,)], out[cell + (6,)] = order[0], order[-1]
        if not order:
            out[min(n - 1, max(0, int((y0 + y1) / 2 / PATCH))), min(n - 1, max(0, int((x0 + x1) / 2 / PATCH))), 4] = 1
    return out.reshape(TOKENS, 7)


def visible(items):
    """What a tile shows of the items: boxes clipped, letters numbered within the tile, a thing's class unknown when little of it is there."""
    out, first = [], None
    for name, colour, x0, y0, x1, y1, *order in items:
        box = max(0, x0), max(0, y0), min(IMAGE, x1), min(IMAGE, y1)
        w, h = box[2] - box[0], box[3] - box[1]
        if w <= 0 or h <= 0:
            continue
        if order:
            if w >= 3 and h >= .5 * (y1 - y0):
                first = first or order[0]
                out.append((name, colour, *box, order[0] - first + 1, order[0]))
        else:
            out.append((name if w * h > .5 * (x1 - x0) * (y1 - y0) else None, colour, *box))
    return out


def overview_items(items, stretch):
    """Letters too small to read and shapes that the stretching turns into others have no class."""
    return [(None if i[0] in STRETCHABLE and stretch > 1.15 else i[0], *i[1:]) for i in items
            if len(i) == 6 or i[4] - i[2] >= LEAST_LETTER]


def sliced(r, im, meta, items):
    """(pixels, labels, order) of a picture's slices. Of the pictures without small print many are seen as the first model sees them, and
    some as the overview alone: that keeps its skills, and costs a fifth."""
    chance = 1 if meta["kind"] == "small" else r.random()
    if chance < WHOLE:
        return whole(im, items)
    slices, order = cut(im, items)
    if chance < WHOLE + OVERVIEW_ONLY:
        slices, order = slices[:1], [*range(TOKENS), NEWLINE]
    labels = []
    for part, boxes, tile in slices:
        if tile:
            label = patch_labels(visible(boxes), IMAGE, IMAGE)
            label[:, 4], label[:, 5] = UNKNOWN, 0
        else:
            label = patch_labels(overview_items(boxes, max(im.width / im.height, im.height / im.width)), IMAGE, IMAGE)
        labels.append(label)
    return np.stack([np.asarray(s[0]) for s in slices]), np.stack(labels), np.array(order)


def whole(im, items):
    small, boxes = to_input(im, items, IMAGE)
    return np.asarray(small)[None], patch_labels(boxes, *im.size)[None], np.arange(TOKENS)


def drawer(queue, seed, tiles, share):
    os.nice(5)
    r = random.Random(seed)
    kinds = KINDS + ["small"] if tiles else KINDS
    share = share or (SHARE_SLICED if tiles else SHARE)
    while True:
        chunk = []
        for _ in range(CHUNK):
            im, meta, items = draw(r, r.choices(kinds, share)[0])
            chunk.append((*(sliced(r, im, meta, items) if tiles else whole(im, items)), meta))
        queue.put(chunk)


class Feed:
    """Every picture is used once: at this size a second look is learnt by heart."""

    def __init__(self, tokenizer, seed, workers=1, text=True, tiles=False, share=None):
        self.text, self.tiles = text, tiles
        self.tok, self.r = tokenizer, random.Random(seed)
        self.queue = mp.Queue(16)
        self.workers = [mp.Process(target=drawer, args=(self.queue, f"train {seed} {i}", tiles, share), daemon=True) for i in range(workers)]
        for w in self.workers:
            w.start()
        self.todo, self.left, self.ids = [], [], {}
        self.eos = tokenizer.token_to_id("</s>")
        self.prefix = torch.tensor([tokenizer.token_to_id("<s>")] + tokenizer.encode("USER: ").ids)

    def noun(self, question, thing):
        """Number of the question's token that ends the name of a thing."""
        end = question.index(thing) + len(thing)
        return max(i for i, (a, b) in enumerate(self.tok.encode(question).offsets) if a < end)

    def spelt(self, ids, text):
        """Number of the token of an answer that begins the text read."""
        letters = [self.tok.token_to_id(c) for c in text]
        return next(i for i in range(len(ids)) if ids[i:i + len(letters)] == letters)

    def encode(self, text):
        if text not in self.ids:
            self.ids[text] = self.tok.encode(text).ids
        return self.ids[text]

    def batch(self, n):
        """n slices without text; else n rows of about the same length, three times as many where one slice is all."""
        if not self.text:
            pixels, labels = [], []
            while sum(map(len, pixels)) < n:
                for p, l, *_ in self.queue.get():
                    keep = [i for i in range(len(p)) if (l[i][:, 0] > 0).any() or self.r.random() < .1]
                    pixels.append(p[keep])
                    labels.append(l[keep])
            pixels, labels = np.concatenate(pixels), np.concatenate(labels)
            return torch.from_numpy(pixels), *[None] * 6, torch.from_numpy(labels), None
        while not self.todo:
            self.left += [p for _ in range(max(4, n // CHUNK)) for p in self.queue.get()]
            self.left.sort(key=lambda p: len(p[2]))
            short = [p for p in self.left if len(p[2]) <= TOKENS + 1]
            long, self.left = self.left[len(short):], []
            for pictures, size in ((short, 3 * n if self.tiles else n), (long, n)):
                full = len(pictures) // size * size
                self.todo += [pictures[i:i + size] for i in range(0, full, size)]
                self.left += pictures[full:]
            self.r.shuffle(self.todo)
        return self.rows(self.todo.pop())

    def rows(self, pictures):
        n, longest = len(pictures), max(len(p[2]) for p in pictures)
        pixels, labels = (torch.from_numpy(np.concatenate([p[i] for p in pictures])) for i in (0, 1))
        begin, at = len(self.prefix), 0
        start = begin + longest                                     # of the text; shorter pictures leave a hole before it
        order = np.full((n, longest), NEWLINE, np.int64)
        ends = np.zeros(n, np.int64)                                # of the picture
        for b, p in enumerate(pictures):
            order[b, :len(p[2])] = np.where(p[2] == NEWLINE, NEWLINE, p[2] + at)
            ends[b], at = begin + len(p[2]), at + TOKENS * len(p[0])
        order[order == NEWLINE] = at
        letters = np.append(labels[..., 6].numpy().reshape(-1), 0)[order]
        text = np.zeros((n, TEXT), np.int64)
        target = np.full((n, TEXT), -100, np.int64)
        pos = np.zeros((n, start + TEXT), np.int64)
        pos[:, :start] = np.arange(start)
        turn = np.zeros((n, start + TEXT), np.int64)
        sees = np.repeat(ends[:, None], start + TEXT, 1)            # how much of the prefix a position may attend to
        chain = np.zeros((n, 1, 1), bool)
        gaze = {1: [], 2: [], 3: []}                                # by layer: (row, head, token, what it should look at)
        for b, p in enumerate(pictures):
            chain[b] = chained = self.r.random() < .25
            turns = questions(self.r, p[3], 6)
            if not chained and self.r.random() < .08:
                turns.insert(0, chat(self.r))
            turn[b, ends[b]:start] = -1
            at = 0
            for k, (kind, q, answer) in enumerate(turns):
                alone = kind == "chat"
                # The chunks the engine will tokenize: "\\n..." after the image, "USER: ..." in later turns; the answer token by token.
                ask = f" {q} ASSISTANT:" if alone else f"\n{q} ASSISTANT:" if k == 0 or not chained else f"USER: {q} ASSISTANT:"
                ask_text, ask = ask, self.encode(ask)
                ans = self.encode(" " + answer) + [self.eos]
                end = at + len(ask) + len(ans)
                if end > TEXT:
                    break
                text[b, at:end] = ask + ans
                target[b, at + len(ask) - 1:end - 1] = ans
                things = [t for t in SHAPES if f" {t}" in q] if kind in ("colour", "position") else []
                if len(things) == 1:
                    patches = (p[1][0][:, :2] == CLASSES[things[0]]).any(1)
                    if patches.any():
                        seen = np.append(patches, np.zeros(longest - TOKENS, bool))
                        gaze[1].append((b, 0, start + at + self.noun(ask_text, things[0]), seen))
                        for layer in (2, 3):
                            gaze[layer].append((b, 0, start + at + len(ask) - 1, seen))
                for i in range(len(p[3].get("text", "")) if p[3].get("text", " ") in answer else 0):
                    seen = letters[b] == i + 1
                    if seen.any():
                        query = start + at + len(ask) + self.spelt(ans, p[3]["text"]) + i - 1
                        gaze[2].append((b, 1, query, seen))
                        gaze[3].append((b, 1, query, seen))
                s = slice(start + at, start + end)
                turn[b, s] = k + 1
                first = ends[b] + at if chained else 2 if alone else ends[b]
                pos[b, s] = np.arange(first, first + end - at)
                if alone:
                    sees[b, s] = 2
                at = end
            turn[b, start + at:] = -1
        idx = np.arange(start + TEXT)
        ok = (idx[:, None] >= idx[None]) & ((idx < sees[:, :, None]) | (turn[:, :, None] == turn[:, None]) | chain & (turn[:, None] > 0))
        mask = torch.zeros(ok.shape, dtype=torch.bfloat16).masked_fill_(~torch.from_numpy(ok), -1e4)[:, None]
        for layer, looks in gaze.items():
            wanted = np.zeros((len(looks), start + TEXT), np.float32)
            for i, look in enumerate(looks):
                wanted[i, begin:start] = look[3]
            gaze[layer] = [torch.tensor([look[i] for look in looks]) for i in range(3)] + [torch.from_numpy(wanted)] if looks else None
        return (pixels, torch.from_numpy(order), self.prefix, torch.from_numpy(text), mask, torch.from_numpy(pos),
                torch.from_numpy(target), labels, gaze)
