"""The network for training: the same mathematics as transformers' LlavaForConditionalGeneration (export.py checks that), with
packed turns and helper heads that are thrown away afterwards."""
import torch
from torch import nn
import torch.nn.functional as F
from slices import IMAGE, PATCH, TOKENS

DIM, VISION_LAYERS, LANGUAGE_LAYERS, HEADS, VISION_FFN, FFN, VOCAB = 256, 6, 4, 4, 1024, 768, 1024
EPS, THETA, CONTEXT = 1e-5, 10000.0, 2048
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def attend(qkv, mask, rotate=None, last=0, watch=None):
    """Attention of all positions, or of the last ones to all. `watch` (rows, heads, queries, wanted keys (M, S), losses) takes the loss
    of the attention that does not go where some queries should look."""
    b, s, _ = qkv.shape
    qkv = qkv.view(b, s, 3 * HEADS, -1)
    qk, v = qkv.split((2 * HEADS, HEADS), 2)
    if rotate is not None:
        cos, sin = rotate
        x1, x2 = qk.chunk(2, -1)
        qk = torch.cat((x1 * cos - x2 * sin, x2 * cos + x1 * sin), -1)
    q, k, v = (t.transpose(1, 2).reshape(b * HEADS, s, -1) for t in (qk[:, :, :HEADS], qk[:, :, HEADS:], v))
    q, mask = q[:, -last:], mask if mask is None else mask[:, -last:]
    scale = (DIM // HEADS) ** -.5
    w = torch.baddbmm(mask if mask is not None else q.new_zeros(1), q, k.transpose(1, 2), beta=float(mask is not None), alpha=scale)
    w = torch.softmax(w, -1)
    if watch is not None:
        rows, heads, queries, wanted, losses = watch
        got = (w.view(b, HEADS, -1, s)[rows, heads, queries - (s - last if last else 0)].float() * wanted).sum(-1)
        losses.append(-got.clamp(min=1e-5).log().mean())
    return (w @ v).view(b, HEADS, -1, DIM // HEADS).transpose(1, 2).reshape(b, -1, DIM)


class Rms(torch.autograd.Function):
    """RMS norm without a gain (the next matrix can learn one; the export writes ones), in few passes over memory."""
    @staticmethod
    def forward(ctx, x):
        r = torch.rsqrt(torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32).square_().div_(DIM).add_(EPS)).to(x.dtype)
        y = x * r
        ctx.save_for_backward(y, r)
        return y

    @staticmethod
    def backward(ctx, g):
        y, r = ctx.saved_tensors
        return torch.addcmul(g, y, (g * y).sum(-1, keepdim=True), value=-1 / DIM).mul_(r)


class VisionBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM, EPS), nn.LayerNorm(DIM, EPS)
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.up, self.down = nn.Linear(DIM, VISION_FFN), nn.Linear(VISION_FFN, DIM)

    def forward(self, x):
        x = x + self.out(attend(self.qkv(self.ln1(x)), None))
        # quick_gelu(z) = silu(1.702 z) / 1.702: the factor lives in the weights here, and export.py takes it out.
        return x + self.down(F.silu(self.up(self.ln2(x))))


class LanguageBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM, bias=False), nn.Linear(DIM, DIM, bias=False)
        self.gate, self.up = nn.Linear(DIM, FFN, bias=False), nn.Linear(DIM, FFN, bias=False)
        self.down = nn.Linear(FFN, DIM, bias=False)

    def forward(self, x, mask, rotate, last, watch):
        a = attend(self.qkv(Rms.apply(x)), mask, rotate, last, watch)
        x = x[:, -last:] + self.out(a)
        h = Rms.apply(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Tiny(nn.Module):
    def __init__(self, classes, colours, letters=7, sliced=False):
        super().__init__()
        if sliced:
            self.newline = nn.Parameter(torch.randn(DIM) * .02)
        self.patch = nn.Linear(3 * PATCH * PATCH, DIM, bias=False)
        self.cls = nn.Parameter(torch.zeros(DIM))
        self.pos = nn.Parameter(torch.randn(TOKENS + 1, DIM) * .02)
        self.pre = nn.LayerNorm(DIM, EPS)
        self.vision = nn.ModuleList(VisionBlock() for _ in range(VISION_LAYERS))
        self.mm0, self.mm2 = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.embed = nn.Embedding(VOCAB, DIM)
        self.blocks = nn.ModuleList(LanguageBlock() for _ in range(LANGUAGE_LAYERS))
        self.head = nn.Linear(DIM, VOCAB, bias=False)
        # What is at each patch (left and right of its middle), its colour, which letter of the word, whether a thing's middle.
        self.sizes = [classes, classes, colours, letters, 2]
        self.aux_norm = nn.LayerNorm(DIM, EPS)
        self.aux = nn.Linear(DIM, sum(self.sizes))
        self.aux_place = nn.Linear(DIM, 10, bias=False)
        for name, p in self.named_parameters():
            if p.dim() == 2 and name != "pos":
                nn.init.normal_(p, std=.02 if name.startswith(("embed", "head", "aux")) else .6 * p.shape[1] ** -.5)
                if name.endswith(("out.weight", "down.weight")):
                    p.data.mul_(.3)
        half = DIM // HEADS // 2
        freq = THETA ** -(torch.arange(half, dtype=torch.float64) / half)
        angle = torch.arange(CONTEXT)[:, None] * freq[None]
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def see(self, pixels):
        """uint8 (B, H, W, 3) -> the last block's patch features, without the class token and without post-layernorm."""
        b, n = pixels.shape[0], IMAGE // PATCH
        x = pixels.view(b, n, PATCH, n, PATCH, 3).permute(0, 1, 3, 5, 2, 4).reshape(b, n * n, 3, -1).float()
        mean, std = (torch.tensor(t, dtype=torch.float32)[:, None] * 255 for t in (MEAN, STD))
        x = ((x - mean) / std).to(self.pos.dtype).flatten(2)
        x = torch.cat((self.cls.expand(b, 1, -1), self.patch(x)), 1) + self.pos
        x = self.pre(x)
        for block in self.vision:
            x = block(x)
        return x[:, 1:]

    def project(self, features):
        return self.mm2(F.gelu(self.mm0(features)))

    def merge(self, features, order):
        """Features of slices (N, 64, DIM), indices into their rows (B, L), newlines behind the last -> (B, L, DIM)."""
        rows = self.project(features).flatten(0, 1)
        newline = getattr(self, "newline", rows[0])                 # without slices no index reaches it
        return F.embedding(order, torch.cat((rows, newline[None])))

    def language(self, x, mask, positions, last=0, watch=(None,) * LANGUAGE_LAYERS):
        """The hidden states, of the last positions alone where `last` is given: the last block needs no others' queries."""
        rotate = tuple(t[positions].to(x.dtype).unsqueeze(2) for t in (self.cos, self.sin))
        if mask is not None:
            mask = mask.expand(-1, HEADS, -1, -1).reshape(-1, *mask.shape[2:])
        for i, block in enumerate(self.blocks):
            x = block(x, mask, rotate, last if i == LANGUAGE_LAYERS - 1 else 0, watch[i])
        return Rms.apply(x)

    def forward(self, pixels, order, prefix, text, mask, positions, gaze=None, busy=None):
        """`gaze`: by layer, (rows, heads, queries, wanted keys); see Feed.rows. `busy`: the slices that show
        something; the image encoder learns from these alone, which saves a third of a step."""
        losses = []
        if busy is None or busy.all():
            features = self.see(pixels)
        else:
            with torch.no_grad():
                empty = self.see(pixels[~busy])
            features = torch.cat((self.see(pixels[busy]), empty))[torch.cat((busy.nonzero(), (~busy).nonzero()))[:, 0].argsort()]
        watch = [(*gaze[i], losses) if gaze and gaze.get(i) else None for i in range(LANGUAGE_LAYERS)]
        x = torch.cat((self.embed(prefix).expand(len(text), -1, -1), self.merge(features, order), self.embed(text)), 1)
        return features, self.language(x, mask, positions, text.shape[1], watch), sum(losses) / max(1, len(losses))

    def aux_loss(self, features, labels):
        """Things count fully, empty patches a tenth of the time."""
        keep = ((labels[..., 0] > 0) | (labels[..., 1] > 0) | (torch.rand(labels.shape[:2]) < .1)).flatten().nonzero()[:, 0]
        x = self.aux_norm(features.flatten(0, 1)[keep])
        logits = self.aux(x).float().split(self.sizes, -1)
        labels = labels.flatten(0, 1)[keep]
        place = F.cross_entropy(self.aux_place(x).float(), labels[:, 5], ignore_index=0, reduction="sum") / (labels[:, 5] > 0).sum().clamp(min=1)
        return 2 * place + sum(F.cross_entropy(l, labels[:, i]) * w for i, (l, w) in enumerate(zip(logits, (1, 1, .5, 1, .5))))
