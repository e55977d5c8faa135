"""Greedy answers from a checkpoint of train.py, for measure.py and measure_small_print.py."""
import os
import numpy as np
import torch
from tokenizers import Tokenizer
from draw import HERE
from generate import to_input
from model import Tiny
from slices import IMAGE, NEWLINE, TOKENS, cut


def round_q8(t):
    b = t.reshape(-1, 32)
    d = (b.abs().amax(1, keepdim=True) / 127).half().float()
    return (torch.where(d > 0, torch.round(b / d), torch.zeros(())) * d).reshape(t.shape)


class Answerer:
    def __init__(self, checkpoint, q8=False, overview_only=False):
        s = torch.load(checkpoint, weights_only=False, map_location="cpu")
        print(f"step {s['step']}, {s['seen']} pictures")
        master = {k: v.detach().float() for k, v in s["master"].items() if not k.startswith("aux")}
        if q8:
            master = {k: v.half().float() if k == "patch.weight" else round_q8(v) if v.dim() == 2 and k != "pos" else v
                      for k, v in master.items()}
        self.sliced, self.overview_only = "newline" in master, overview_only
        self.model = Tiny(1, 1, sliced=self.sliced).eval()
        self.model.load_state_dict(master, strict=False)
        self.tok = Tokenizer.from_file(os.path.join(HERE, "tokenizer.json"))
        self.prefix = [self.tok.token_to_id("<s>")] + self.tok.encode("USER: ").ids
        self.eos = self.tok.token_to_id("</s>")

    def image_rows(self, im):
        if not self.sliced:
            slices, order = [to_input(im, [], IMAGE)[0]], range(TOKENS)
        else:
            slices, order = cut(im, [])
            slices = [s[0] for s in slices]
            if self.overview_only:
                slices, order = slices[:1], [*range(TOKENS), NEWLINE]
        pixels = torch.from_numpy(np.stack([np.asarray(s) for s in slices]))
        order = [TOKENS * len(slices) if i == NEWLINE else i for i in order]
        return self.model.merge(self.model.see(pixels), torch.tensor([order]))[0]

    @torch.no_grad()
    def answer(self, pairs, longest=24):
        """[(picture, question)] -> texts. Rows are padded at the end; without a cache, which is fine at this size."""
        prefix = self.model.embed(torch.tensor(self.prefix))
        front = [torch.cat((prefix, self.image_rows(im))) for im, _ in pairs]
        ids = [self.tok.encode(f"\n{q} ASSISTANT:").ids for _, q in pairs]
        asked = [len(i) for i in ids]
        live = list(range(len(pairs)))
        for _ in range(longest):
            x = torch.nn.utils.rnn.pad_sequence([torch.cat((front[i], self.model.embed(torch.tensor(ids[i])))) for i in live], batch_first=True)
            n = x.shape[1]
            mask = torch.full((n, n), float("-inf")).triu(1).expand(len(live), 1, -1, -1)
            h = self.model.language(x, mask, torch.arange(n).expand(len(live), -1))
            last = torch.tensor([len(front[i]) + len(ids[i]) - 1 for i in live])
            new = self.model.head(h[torch.arange(len(live)), last]).argmax(1).tolist()
            for i, t in zip(live, new):
                ids[i].append(t)
            live = [i for i, t in zip(live, new) if t != self.eos]
            if not live:
                break
        return [self.tok.decode([t for t in i[n:] if t != self.eos]) for i, n in zip(ids, asked)]
