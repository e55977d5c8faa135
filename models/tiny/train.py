"""Trains the tiny model until a wall-clock deadline: constant rate, then a linear decay that ends exactly there.

    python3 train.py --out run --deadline 05:15            # UTC, or +90 for minutes from now
    python3 train.py --out run --resume run/last.pt ...

Muon for the matrices of the blocks, AdamW for the rest; float32 masters, bfloat16 network.
"""
import argparse, datetime, json, os, time
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from draw import HERE
from feed import CLASSES, COLOUR_IDS, TEXT, Feed
from model import TOKENS, Tiny


def orthogonalize(g, steps=5):
    """Newton-Schulz iteration (Muon) on a batch of matrices with rows <= columns."""
    x = g.bfloat16()
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return x


class Optimizer:
    def __init__(self, model):
        self.model = model
        self.names = [n for n, _ in model.named_parameters()]
        self.work = [p for _, p in model.named_parameters()]
        self.master = [p.detach().float().clone() for p in self.work]
        muon = [i for i, n in enumerate(self.names) if n.startswith(("vision.", "blocks.", "mm")) and self.work[i].dim() == 2]
        rest = [i for i in range(len(self.work)) if i not in set(muon)]
        self.momentum = {i: torch.zeros_like(self.master[i]) for i in muon}
        self.groups = {}
        for i in muon:
            rows, cols = self.master[i].shape
            parts = 3 if "qkv" in self.names[i] else 1              # q, k and v are three matrices
            shape = (rows // parts, cols)
            self.groups.setdefault((min(shape), max(shape)), []).append((i, parts, shape[0] > shape[1]))
        self.rest = rest
        for i in rest:
            self.master[i].requires_grad_()
        decay = [self.master[i] for i in rest if self.master[i].dim() == 2]
        plain = [self.master[i] for i in rest if self.master[i].dim() < 2]
        self.adam = torch.optim.AdamW([dict(params=decay, weight_decay=.01), dict(params=plain, weight_decay=0)],
                                      betas=(.9, .98), eps=1e-8, fused=True)

    @torch.no_grad()
    def step(self, rate, lr_muon, lr_adam):
        norm = torch.nn.utils.clip_grad_norm_(self.work, 2.0)
        for i in self.rest:
            self.master[i].grad = self.work[i].grad.float()
        for group in self.adam.param_groups:
            group["lr"] = lr_adam * rate
        self.adam.step()
        for items in self.groups.values():
            batch = []
            for i, parts, flip in items:
                g = self.work[i].grad.float()
                m = self.momentum[i].lerp_(g, .05)
                g = g.lerp(m, .95)
                batch += [x.T if flip else x for x in g.chunk(parts)]
            updates = list(orthogonalize(torch.stack(batch)).float())
            for i, parts, flip in items:
                u = torch.cat([u.T if flip else u for u in updates[:parts]])
                del updates[:parts]
                scale = lr_muon * rate * .2 * max(u.shape[0] // parts, u.shape[1]) ** .5
                self.master[i].mul_(1 - .01 * lr_muon * rate).sub_(u, alpha=scale)
        torch._foreach_copy_(self.work, self.master)
        for p in self.work:
            p.grad = None
        return norm

    def state(self):
        return dict(master=dict(zip(self.names, (m.detach() for m in self.master))), adam=self.adam.state_dict(),
                    momentum={self.names[i]: m for i, m in self.momentum.items()})

    @torch.no_grad()
    def load(self, s):
        for n, m in zip(self.names, self.master):
            m.copy_(s["master"][n])
        self.adam.load_state_dict(s["adam"])
        for i, m in self.momentum.items():
            m.copy_(s["momentum"][self.names[i]])
        torch._foreach_copy_(self.work, self.master)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--out", required=True)
    a.add_argument("--deadline", required=True)
    a.add_argument("--decay", type=float, default=.5, help="share of the time left that the decay takes")
    a.add_argument("--batch", type=int, default=64)
    a.add_argument("--lr-muon", type=float, default=2e-3)
    a.add_argument("--lr-adam", type=float, default=2e-3)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--compile", action="store_true")
    a.add_argument("--resume")
    a.add_argument("--tokenizer", default=os.path.join(HERE, "tokenizer.json"))
    a = a.parse_args()
    now = datetime.datetime.now(datetime.timezone.utc)
    if a.deadline[0] == "+":
        end = time.time() + 60 * float(a.deadline[1:])
    else:
        t = now.replace(hour=int(a.deadline[:2]), minute=int(a.deadline[3:]), second=0)
        end = (t if t > now else t + datetime.timedelta(days=1)).timestamp()
    os.makedirs(a.out, exist_ok=True)
    feed = Feed(Tokenizer.from_file(a.tokenizer), f"{a.seed} {time.time()}")
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    model = Tiny(len(CLASSES) + 1, len(COLOUR_IDS) + 1)
    optimizer = Optimizer(model)                                    # masters first, from the float32 start
    model.bfloat16()
    model.cos, model.sin = model.cos.float(), model.sin.float()
    optimizer.work = [p for _, p in model.named_parameters()]
    step = seen = 0
    if a.resume:
        s = torch.load(a.resume, weights_only=False)
        optimizer.load(s)
        step, seen = s["step"], s["seen"]
    print(sum(p.numel() for n, p in model.named_parameters() if not n.startswith("aux")), "parameters", flush=True)
    forward = torch.compile(model) if a.compile else model
    log, begin, first, saved = open(os.path.join(a.out, "log.txt"), "a"), time.time(), step, time.time()
    mean, waited = {}, 0.0
    while True:
        left = (end - time.time()) / (end - begin)
        if left <= 0:
            break
        rate = min(1, (step - first + 1) / 60, left / a.decay)
        t = time.time()
        pixels, prefix, text, mask, pos, target, labels = feed.batch(a.batch)
        waited += time.time() - t
        features, h = forward(pixels, prefix, text, mask, pos)
        keep = (target.flatten() >= 0).nonzero()[:, 0]
        target = target.flatten()[keep]
        logits = model.head(h[:, -TEXT:].flatten(0, 1)[keep]).float()
        loss = F.cross_entropy(logits, target)
        aux = model.aux_loss(features, labels)
        (loss + .3 * aux).backward()
        norm = optimizer.step(rate, a.lr_muon, a.lr_adam)
        step, seen = step + 1, seen + a.batch
        right = (logits.detach().argmax(1) == target).float().mean()
        for k, v in (("loss", loss.detach()), ("aux", aux.detach()), ("right", right), ("norm", norm)):
            mean[k] = .95 * mean.get(k, float(v)) + .05 * float(v)
        if step % 20 == 0 or step - first < 5:
            line = dict(step=step, seen=seen, rate=round(rate, 3), per_second=round((step - first) * a.batch / (time.time() - begin), 1),
                        waited=round(waited, 1), **{k: round(v, 4) for k, v in mean.items()}, at=time.strftime("%H:%M:%S", time.gmtime()))
            print(json.dumps(line), flush=True)
            print(json.dumps(line), file=log, flush=True)
        if time.time() - saved > 150:
            saved = time.time()
            save(a.out, optimizer, step, seen)
    save(a.out, optimizer, step, seen)
    os._exit(0)                                                     # the drawing processes are daemons


def save(out, optimizer, step, seen):
    path = os.path.join(out, "last.pt")
    torch.save(dict(optimizer.state(), step=step, seen=seen), path + ".new")
    os.replace(path + ".new", path)


if __name__ == "__main__":
    main()
