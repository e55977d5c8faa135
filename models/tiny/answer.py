"""Greedy answers from a checkpoint of train.py, for measure.py."""
import os
import numpy as np
import torch
from tokenizers import Tokenizer
from draw import HERE
from generate import to_input
from model import IMAGE, Tiny


def round_q8(t):
    b = t.reshape(-1, 32)
    d = (b.abs().amax(1, keepdim=True) / 127).half().float()
    return (torch.where(d > 0, torch.round(b / d), torch.zeros(())) * d).reshape(t.shape)


class Answerer:
    def __init__(self, checkpoint, q8=False):
        s = torch.load(checkpoint, weights_only=False, map_location="cpu")
        print(f"step {s['step']}, {s['seen']} pictures")
        master = {k: v.detach().float() for k, v in s["master"].items() if not k.startswith("aux")}
        if q8:
            master = {k: v.half().float() if k == "patch.weight" else round_q8(v) if v.dim() == 2 and k != "pos" else v
                      for k, v in master.items()}
        self.model = Tiny(1, 1).eval()
        self.model.load_state_dict(master, strict=False)
        self.tok = Tokenizer.from_file(os.path.join(HERE, "tokenizer.json"))
        self.prefix = [self.tok.token_to_id("<s>")] + self.tok.encode("USER: ").ids
        self.eos = self.tok.token_to_id("</s>")

    @torch.no_grad()
    def answer(self, pairs, longest=24):
        """[(picture, question)] -> texts. Rows are padded at the end; without a cache, which is fine at this size."""
        pixels = torch.from_numpy(np.stack([np.asarray(to_input(im, [], IMAGE)[0]) for im, _ in pairs]))
        image = self.model.project(self.model.see(pixels))
        ids = [self.tok.encode(f"\n{q} ASSISTANT:").ids for _, q in pairs]
        asked = [len(i) for i in ids]
        live = list(range(len(pairs)))
        prefix = self.model.embed(torch.tensor(self.prefix)).expand(len(pairs), -1, -1)
        front = len(self.prefix) + image.shape[1]
        for _ in range(longest):
            n = max(len(ids[i]) for i in live)
            text = torch.tensor([ids[i] + [0] * (n - len(ids[i])) for i in live])
            x = torch.cat((prefix[live], image[live], self.model.embed(text)), 1)
            mask = torch.full((front + n, front + n), float("-inf")).triu(1).expand(len(live), 1, -1, -1)
            h = self.model.language(x, mask, torch.arange(front + n).expand(len(live), -1))
            last = torch.tensor([front + len(ids[i]) - 1 for i in live])
            new = self.model.head(h[torch.arange(len(live)), last]).argmax(1).tolist()
            for i, t in zip(live, new):
                ids[i].append(t)
            live = [i for i, t in zip(live, new) if t != self.eos]
            if not live:
                break
        return [self.tok.decode([t for t in i[n:] if t != self.eos]) for i, n in zip(ids, asked)]
