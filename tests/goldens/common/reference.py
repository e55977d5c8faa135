"""Runs a reference model: prompt layout, greedy decoding with its margins, and the same again with ggml's rounding."""
import contextlib
import dataclasses

import numpy as np
import torch

MEDIA = "<__media__>"
VICUNA = ("A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, "
          "and polite answers to the human's questions. USER: {} ASSISTANT:")     # FAMILIES 1(f), llava_v1
QWEN = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n"
        "<|im_start|>assistant\n")                                                  # FAMILIES 3(f), qwen_1_5
WHOLE = object()                                                                  # in surroundings: all embeddings of the picture
STEPS = 24
MARGIN = 0.03                                                                     # the least lead, in the logits' standard deviations
DRIFTS = 3                                                                        # and in what rounding moved


@dataclasses.dataclass
class Run:
    """What a prompt led to. spans: token ids, and pictures or stretches of them, in order."""
    prompt: str
    pictures: list
    spans: list
    logits: np.ndarray
    tokens: list
    margin: float
    drift: float


def wordings(**forms):
    """The prompts of a case by name, {} for the question: picture and question by themselves (raw), and within each of the forms."""
    return {name: form.format(MEDIA + "\n{}") for name, form in {"raw": "{}", **forms}.items()}


def lay_out(vocabulary, prompt, pictures, surroundings):
    """Each piece of text is tokenised on its own, as haotian-liu/LLaVA tokenizer_image_token does; BOS comes once. surroundings(picture,
    index) lists what stands for a picture: texts, which join those beside them, lists of ids, spans as they are, and WHOLE or counts of its
    embeddings."""
    pieces = []
    for k, text in enumerate(prompt.split(MEDIA)):
        _add_text(pieces, text)
        if k < len(pictures):
            _add_picture(pieces, pictures[k], surroundings(pictures[k], k))
    start = [vocabulary.bos] if vocabulary.adds_bos else []
    ahead = 0                                                     # where pictures stand before the start token
    while getattr(vocabulary, "starts_behind_rows", False) and ahead < len(pieces) and isinstance(pieces[ahead], dict):
        ahead += 1
    pieces[ahead:ahead] = [start] * bool(start)
    pieces += [[vocabulary.eos]] * getattr(vocabulary, "adds_eos", False)
    spans, ids = [], []
    for piece in pieces:
        if isinstance(piece, dict):
            spans += [{"ids": ids}] * bool(ids) + [piece]
            ids = []
        else:
            ids = ids + (vocabulary.encode(piece) if isinstance(piece, str) else piece)
    return spans + [{"ids": ids}] * bool(ids)


def _add_text(pieces, text):
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    elif text:
        pieces.append(text)


def _add_picture(pieces, picture, parts):
    start = 0
    for part in parts:
        if part is WHOLE:
            pieces.append({"picture": picture})
        elif isinstance(part, str):
            _add_text(pieces, part)
        elif isinstance(part, (list, dict)):
            pieces.append(part)
        elif start and isinstance(pieces[-1], dict):
            pieces[-1]["count"] += part
            start += part
        else:
            pieces.append({"picture": picture, "start": start, "count": part})
            start += part


def rows(span, embeddings):
    """The embeddings of a picture's or a video's span: all of them, or a stretch."""
    whole = embeddings[span["picture"] if "picture" in span else span["video"]]
    return whole[span["start"]:span["start"] + span["count"]] if "start" in span else whole


def embed(model, spans, embeddings):
    """The prompt as the language model sees it: [1, tokens, width]."""
    table = model.get_input_embeddings()
    return torch.cat([table(torch.tensor(s["ids"])) if "ids" in s else rows(s, embeddings) for s in spans])[None]


def _lead(logits):
    """How far the chosen token is ahead, in standard deviations of the logits."""
    best = torch.topk(logits, 2).values
    return float((best[0] - best[1]) / logits.std())


class Answer:
    """The steps of an answer of a model that only decodes."""

    def __init__(self, model, inputs):
        self.model, self.rows, self.cache = model, inputs, None

    def start(self):
        out = self.model.model.language_model(inputs_embeds=self.rows, past_key_values=self.cache, use_cache=True)
        self.cache = out.past_key_values
        return self.model.lm_head(out.last_hidden_state[0, -1])

    def next(self, token):
        self.rows = self.model.get_input_embeddings()(torch.tensor([[token]]))
        return self.start()


@torch.no_grad()
def decode(model, inputs, least_lead=0.0, expected=None):
    """Greedy, by explicit argmax. Returns the tokens and the logits each was chosen from, [steps, vocabulary]; stops early,
    with fewer tokens, at a lead below least_lead or at a token that is not the expected one."""
    answer = getattr(model, "answer", lambda rows: Answer(model, rows))(inputs)
    tokens, logits = [], [answer.start()]
    while True:
        tokens.append(int(logits[-1].argmax()))
        if _lead(logits[-1]) < least_lead or expected and tokens[-1] != expected[len(tokens) - 1]:
            return tokens[:-1], torch.stack(logits)
        if len(tokens) == STEPS:
            return tokens, torch.stack(logits)
        logits.append(answer.next(tokens[-1]))


@contextlib.contextmanager
def ggml_rounding(model):
    """ggml's CPU product of an F16 matrix rounds the other factor to F16 too, and the KV cache is F16: show that no token depends on it."""
    def to_half(_, inputs):
        return (inputs[0].half().float(),)

    def from_half(_, __, output):
        return output.half().float()
    linears = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    hooks = [m.register_forward_pre_hook(to_half) for m in linears.values()]
    hooks += [m.register_forward_hook(from_half) for n, m in linears.items() if n.endswith(("k_proj", "v_proj", "SelfAttention.k", "SelfAttention.v"))]
    try:
        with getattr(model, "roundings", contextlib.nullcontext)():
            yield
    finally:
        for hook in hooks:
            hook.remove()


def run(model, vocabulary, prompt, pictures, embeddings, surroundings, least=MARGIN):
    """One prompt; None where the lead is small, the answer dull, rounding comes near, or another picture gives the same."""
    spans = lay_out(vocabulary, prompt, pictures, surroundings)
    inputs = embed(model, spans, embeddings)
    tokens, logits = decode(model, inputs, least_lead=least)
    if len(tokens) < STEPS or len(set(tokens)) < STEPS // 3:
        return None
    with ggml_rounding(model):
        rounded_tokens, rounded = decode(model, inputs, expected=tokens)
    if rounded_tokens != tokens:
        return None
    leads, deviation = torch.tensor([_lead(row) for row in logits]), logits.std(dim=1)
    drift = (rounded - logits).abs().max(dim=1).values / deviation
    if (leads < DRIFTS * drift).any():
        return None
    if len(pictures) == 1:
        for other in embeddings.keys() - set(pictures):
            shown = lay_out(vocabulary, prompt, [other], surroundings)
            if decode(model, embed(model, shown, embeddings), expected=tokens)[0] == tokens:
                return None
    return Run(prompt, pictures, spans, logits[0].numpy(), tokens, float(leads.min()), float(drift.max()))


def first_clear(model, vocabulary, prompts, pictures, embeddings, surroundings, least=MARGIN):
    """The first of the prompts whose greedy answer no rounding can change."""
    for prompt in prompts:
        result = run(model, vocabulary, prompt, pictures, embeddings, surroundings, least)
        if result:
            return result
    raise SystemExit(f"no clear prompt for {pictures}: take another seed")
