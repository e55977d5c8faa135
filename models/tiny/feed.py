"""Batches for train.py: processes that draw pictures, a pool of recent ones, and turns packed into fixed-size rows."""
import multiprocessing as mp, os, random
import numpy as np
import torch
from draw import COLOURS, EMOJI, LETTERS, SHAPES
from generate import KINDS, draw, to_input
from model import IMAGE, PATCH, TOKENS
from questions import chat, questions

CLASSES = {c: i + 1 for i, c in enumerate(SHAPES + list(LETTERS + "0123456789") + ["emoji " + n for _, n in EMOJI])}
COLOUR_IDS = {c: i + 1 for i, c in enumerate(COLOURS)}
SHARE = [.17, .13, .17, .28, .25]           # of the kinds
TEXT = 61                                   # 3 + 64 + 61 = 128 positions
CHUNK = 256


def patch_labels(items):
    """(64, 5): class left and right of the patch's middle, colour, letter number, middle of a thing."""
    n = IMAGE // PATCH
    out = np.zeros((n, n, 5), np.int64)
    mid = np.arange(n) * PATCH + PATCH / 2
    for name, colour, x0, y0, x1, y1, *order in items:
        grow = max(0, 9 - (y1 - y0) / 2) if order else max(0, 8.1 - min(x1 - x0, y1 - y0) / 2)
        rows = np.nonzero((mid >= y0 - grow) & (mid <= y1 + grow))[0]
        for side in (0, 1):
            shift = (-4, 4)[side] if order else 0
            g = 0 if order else grow
            cols = np.nonzero((mid + shift >= x0 - g) & (mid + shift < x1 + g))[0]
            cell = np.ix_(rows, cols)
            out[cell + (side,)] = CLASSES[name]
            out[cell + (2,)] = COLOUR_IDS.get(colour, 0)
            if order and side == 0:
                out[cell + (3,)] = order[0]
        if not order:
            out[min(n - 1, max(0, int((y0 + y1) / 2 / PATCH))), min(n - 1, max(0, int((x0 + x1) / 2 / PATCH))), 4] = 1
    return out.reshape(TOKENS, 5)


def drawer(queue, seed):
    os.nice(10)
    r = random.Random(seed)
    while True:
        pixels, labels, metas = np.empty((CHUNK, IMAGE, IMAGE, 3), np.uint8), np.empty((CHUNK, TOKENS, 5), np.int16), []
        for i in range(CHUNK):
            im, meta, items = draw(r, r.choices(KINDS, SHARE)[0])
            im, items = to_input(im, items, IMAGE)
            pixels[i], labels[i] = np.asarray(im), patch_labels(items)
            metas.append(meta)
        queue.put((pixels, labels, metas))


class Feed:
    def __init__(self, tokenizer, seed, workers=1, reuse=2, pool=6144):
        self.tok, self.r, self.reuse = tokenizer, random.Random(seed), reuse
        self.queue = mp.Queue(4)
        self.workers = [mp.Process(target=drawer, args=(self.queue, f"train {seed} {i}"), daemon=True) for i in range(workers)]
        for w in self.workers:
            w.start()
        self.pixels = np.empty((pool, IMAGE, IMAGE, 3), np.uint8)
        self.labels = np.empty((pool, TOKENS, 5), np.int16)
        self.metas, self.at, self.used, self.fresh = [None] * pool, 0, 0, 0
        self.ids = {}
        self.eos = tokenizer.token_to_id("</s>")
        self.prefix = torch.tensor([tokenizer.token_to_id("<s>")] + tokenizer.encode("USER: ").ids)

    def encode(self, text):
        if text not in self.ids:
            self.ids[text] = self.tok.encode(text).ids
        return self.ids[text]

    def take(self):
        pixels, labels, metas = self.queue.get()
        at = self.at % len(self.metas)
        self.pixels[at:at + CHUNK], self.labels[at:at + CHUNK], self.metas[at:at + CHUNK] = pixels, labels, metas
        self.at += CHUNK
        self.fresh += CHUNK

    def batch(self, n):
        while self.fresh < 1024 or self.fresh * self.reuse < self.used + n or (self.fresh < 4096 and not self.queue.empty()):
            self.take()
        self.used += n
        rows = [self.r.randrange(min(self.at, len(self.metas))) for _ in range(n)]
        text = np.zeros((n, TEXT), np.int64)
        target = np.full((n, TEXT), -100, np.int64)
        start = len(self.prefix) + TOKENS
        pos = np.zeros((n, start + TEXT), np.int64)
        pos[:, :start] = np.arange(start)
        turn = np.zeros((n, start + TEXT), np.int64)
        sees = np.full((n, start + TEXT), start, np.int64)          # how much of the prefix a position may attend to
        chain = np.zeros((n, 1, 1), bool)
        for b, row in enumerate(rows):
            chain[b] = chained = self.r.random() < .25
            turns = questions(self.r, self.metas[row], 6)
            if not chained and self.r.random() < .08:
                turns.insert(0, chat(self.r))
            at = 0
            for k, (kind, q, answer) in enumerate(turns):
                alone = kind == "chat"
                # The chunks the engine will tokenize: "\\n..." after the image, "USER: ..." in later turns; the answer token by token.
                ask = f" {q} ASSISTANT:" if alone else f"\n{q} ASSISTANT:" if k == 0 or not chained else f"USER: {q} ASSISTANT:"
                ask, ans = self.encode(ask), self.encode(" " + answer) + [self.eos]
                end = at + len(ask) + len(ans)
                if end > TEXT:
                    break
                text[b, at:end] = ask + ans
                target[b, at + len(ask) - 1:end - 1] = ans
                s = slice(start + at, start + end)
                turn[b, s] = k + 1
                first = start + at if chained else 2 if alone else start
                pos[b, s] = np.arange(first, first + end - at)
                if alone:
                    sees[b, s] = 2
                at = end
            turn[b, start + at:] = -1
        idx = np.arange(start + TEXT)
        ok = (idx[:, None] >= idx[None]) & (((idx[None] < start) & (idx < sees[:, None].transpose(0, 2, 1)))
                                            | (turn[:, :, None] == turn[:, None]) | chain & (turn[:, None] > 0))
        mask = torch.zeros(ok.shape, dtype=torch.bfloat16).masked_fill_(~torch.from_numpy(ok), -1e4)[:, None]
        return (torch.from_numpy(self.pixels[rows]), self.prefix, torch.from_numpy(text), mask, torch.from_numpy(pos),
                torch.from_numpy(target), torch.from_numpy(self.labels[rows].astype(np.int64)))
