"""Trains the tiny model until a wall-clock deadline: constant rate, then a linear decay that ends exactly there.

    python3 train.py --out run --deadline 05:15            # UTC, or +90 for minutes from now
    python3 train.py --out run --resume run/last.pt ...
    python3 train.py --out next --resume run/last.pt --sliced ...

Muon for the matrices of the blocks, AdamW for the rest; float32 masters, bfloat16 network.
"""
import argparse, datetime, json, os, signal, time
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from draw import HERE
from feed import CLASSES, COLOUR_IDS, Feed
from model import Tiny


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
        # The patch matrix sums 768 equal-looking pixels: a step that suits the others shakes it, and colours with it.
        slow = [self.master[i] for i in rest if self.names[i] in ("patch.weight", "pos", "cls")]
        late = [self.master[i] for i in rest if self.names[i] == "aux_place.weight"]
        decay = [self.master[i] for i in rest if self.master[i].dim() == 2 and self.names[i] not in ("patch.weight", "pos", "aux_place.weight")]
        plain = [self.master[i] for i in rest if self.master[i].dim() < 2 and self.names[i] != "cls"]
        self.adam = torch.optim.AdamW([dict(params=slow, factor=.2), dict(params=decay, factor=1), dict(params=plain, factor=1), dict(params=late, factor=2)],
                                      weight_decay=.01, betas=(.9, .98), eps=1e-8, fused=True)

    @torch.no_grad()
    def step(self, rate, lr_muon, lr_adam, vision_rate):
        norm = torch.nn.utils.clip_grad_norm_(self.work, 2.0)
        for i in self.rest:
            g = self.work[i].grad
            self.master[i].grad = None if g is None else g.float()
        for group in self.adam.param_groups:
            group["lr"] = lr_adam * rate * group["factor"]
        self.adam.step()
        for items in self.groups.values():
            batch, items = [], [x for x in items if self.work[x[0]].grad is not None]
            if not items:
                continue
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
                scale *= vision_rate if self.names[i].startswith("vision.") else 1
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
            if n in s["master"]:
                m.copy_(s["master"][n])
        if "adam" not in s or s["master"].keys() != set(self.names):    # made by load.py, or trained without slices
            torch._foreach_copy_(self.work, self.master)
            return
        groups = s["adam"]["param_groups"]                          # a checkpoint from before the last helper head lacks its group
        s["adam"]["param_groups"] = groups + self.adam.state_dict()["param_groups"][len(groups):]
        self.adam.load_state_dict(s["adam"])
        for i, m in self.momentum.items():
            m.copy_(s["momentum"].get(self.names[i], m))
        torch._foreach_copy_(self.work, self.master)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--out", required=True)
    a.add_argument("--deadline", required=True)
    a.add_argument("--decay", type=float, default=.5, help="share of the time left that the decay takes")
    a.add_argument("--batch", type=int, default=64)
    a.add_argument("--lr-muon", type=float, default=3e-3)
    a.add_argument("--lr-adam", type=float, default=1e-3)
    a.add_argument("--vision-rate", type=float, default=1, help="factor on --lr-muon for the image encoder")
    a.add_argument("--aux", type=float, default=.3, help="weight of the helper losses")
    a.add_argument("--gaze", type=float, default=.1, help="weight of the attention's helper loss: a question's noun looks at the thing it names")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--vision-only", action="store_true", help="only the image encoder, with the helper losses (2.5 times the pictures)")
    a.add_argument("--heads-only", action="store_true", help="with --vision-only: only the helper heads")
    a.add_argument("--freeze-vision", action="store_true", help="all but the image encoder")
    a.add_argument("--sliced", action="store_true", help="the LLaVA-NeXT layout, and small print among the pictures")
    a.add_argument("--share", type=lambda s: [float(x) for x in s.split(",")], help="of the kinds of picture, in the order of feed.py")
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
    feed = Feed(Tokenizer.from_file(a.tokenizer), f"{a.seed} {time.time()}", text=not a.vision_only, tiles=a.sliced, share=a.share)
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    model = Tiny(len(CLASSES) + 1, len(COLOUR_IDS) + 1, sliced=a.sliced)
    optimizer = Optimizer(model)                                    # masters first, from the float32 start
    model.bfloat16()
    model.cos, model.sin = model.cos.float(), model.sin.float()
    optimizer.work = [p for _, p in model.named_parameters()]
    if a.freeze_vision:
        for name, p in model.named_parameters():
            p.requires_grad_(not name.startswith(("vision.", "patch.", "pos", "cls", "pre.", "aux")))
    step = seen = 0
    if a.resume:
        s = torch.load(a.resume, weights_only=False)
        optimizer.load(s)
        step, seen = s["step"], s["seen"]
    print(sum(p.numel() for n, p in model.named_parameters() if not n.startswith("aux")), "parameters", flush=True)
    log, begin, first, before, saved = open(os.path.join(a.out, "log.txt"), "a"), time.time(), step, seen, time.time()
    mean, waited = {}, 0.0
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))       # save, then end
    while True:
        left = (end - time.time()) / (end - begin)
        if left <= 0 or stop:
            break
        rate = min(1, (step - first + 1) / (10 if a.resume else 60), left / a.decay)
        t = time.time()
        pixels, order, prefix, text, mask, pos, target, labels, looks = feed.batch(a.batch)
        waited += time.time() - t
        if a.vision_only:
            loss = right = gaze = torch.zeros(())
            with torch.set_grad_enabled(not a.heads_only):
                features = model.see(pixels)
            aux = model.aux_loss(features, labels)
            aux.backward()
        else:
            features, h, gaze = model(pixels, order, prefix, text, mask, pos, looks, (labels[..., 0] != 0).any(1))
            keep = (target.flatten() >= 0).nonzero()[:, 0]
            target = target.flatten()[keep]
            logits = model.head(h.flatten(0, 1)[keep]).float()
            loss = F.cross_entropy(logits, target)
            right = (logits.detach().argmax(1) == target).float().mean()
            aux = torch.zeros(()) if a.freeze_vision else model.aux_loss(features, labels)
            (loss + a.aux * aux + a.gaze * gaze).backward()
        norm = optimizer.step(rate, a.lr_muon, a.lr_adam, a.vision_rate)
        step, seen = step + 1, seen + len(pixels if text is None else text)
        for k, v in (("loss", loss.detach()), ("aux", aux.detach()), ("right", right), ("gaze", gaze.detach()), ("norm", norm)):
            mean[k] = .95 * mean.get(k, float(v)) + .05 * float(v)
        if step % 20 == 0 or step - first < 5:
            line = dict(step=step, seen=seen, rate=round(rate, 3), per_second=round((seen - before) / (time.time() - begin), 1),
                        waited=round(waited, 1), **{k: round(v, 4) for k, v in mean.items()}, at=time.strftime("%H:%M:%S", time.gmtime()))
            print(json.dumps(line), flush=True)
            print(json.dumps(line), file=log, flush=True)
        if time.time() - saved > 150:
            saved = time.time()
            save(a.out, optimizer, step, seen)
    save(a.out, optimizer, step, seen)
    for worker in feed.workers:
        worker.kill()
    os._exit(0)


def save(out, optimizer, step, seen):
    path = os.path.join(out, "last.pt")
    torch.save(dict(optimizer.state(), step=step, seen=seen), path + ".new")
    os.replace(path + ".new", path)


if __name__ == "__main__":
    main()
