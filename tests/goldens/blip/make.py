"""Goldens of BLIP from transformers' classes with random weights: captions, answers, matching. See README.md."""
import contextlib
import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import gguf
import numpy as np
import torch
import transformers

import gguf_files
import pictures
import preprocess
import reference
import store
from corpus import CORPUS, QUESTIONS
from qformer_case import FIXED, TOWER, stretch
from vocabulary import CONTROL, NORMAL
from word_pieces import WordPieces

LAYER = [("attention.self.query", "attn_q"), ("attention.self.key", "attn_k"), ("attention.self.value", "attn_v")]
CROSS = [("cross" + old, "x" + new) for old, new in LAYER]
DECODER = [("text_decoder.", ""), ("bert.embeddings.word_embeddings", "token_embd"), ("bert.embeddings.position_embeddings", "position_embd"),
           ("bert.embeddings.LayerNorm", "token_embd_norm"), ("bert.encoder.layer.", "blk."), *CROSS, ("crossattention.output.dense", "xattn_output"),
           ("crossattention.output.LayerNorm", "xattn_output_norm"), *LAYER, ("attention.output.dense", "attn_output"),
           ("attention.output.LayerNorm", "attn_output_norm"), ("intermediate.dense", "ffn_up"), ("output.dense", "ffn_down"),
           ("output.LayerNorm", "layer_output_norm"), ("cls.predictions.transform.dense", "cls"), ("cls.predictions.transform.LayerNorm", "cls.norm"),
           ("cls.predictions.bias", "output.bias")]
ENCODER = [("text_encoder.", "t."), ("embeddings.word_embeddings", "token_embd"), ("embeddings.position_embeddings", "position_embd"),
           ("embeddings.LayerNorm", "token_embd_norm"), ("encoder.layer.", "blk."), *CROSS, ("crossattention.output.dense", "xattn_out"),
           ("crossattention.output.LayerNorm", "xattn_out_norm"), *LAYER, ("attention.output.dense", "attn_out"), ("attention.output.LayerNorm", "attn_out_norm"),
           ("intermediate.dense", "ffn_up"), ("output.dense", "ffn_down"), ("output.LayerNorm", "ffn_norm")]
HEADS = [("vision_proj", "v.proj"), ("text_proj", "t.proj"), ("itm_head", "t.itm")]
FULL = ["v.position_embd.weight", "t.position_embd.weight", "position_embd.weight"]


class BertVocabulary:
    """BERT's pieces; behind them the decoder's start [DEC] and the encoder's [ENC], which the released tokenizer does not have."""
    def __init__(self, corpus):
        self.words = WordPieces(corpus, has_start=False)
        self.pieces = self.words.pieces
        self.start, self.encode_start = len(self.pieces), len(self.pieces) + 1
        self.end = self.pieces.index("[SEP]")
        special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
        self.tokens = [p if p in special else p[2:] if p.startswith("##") else "\u2581" + p for p in self.pieces] + ["[DEC]", "[ENC]"]
        self.types = [CONTROL if p in special else NORMAL for p in self.pieces] + [CONTROL, CONTROL]

    def encode(self, text):
        return self.words.tokenizer.encode(text, add_special_tokens=False).ids

    def save(self, folder):
        self.words.save(folder)
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "cls_token": "[CLS]",
                                                                   "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}))


def randomise(model, seed, end):
    """All weights from one seed, rounded to float16; the token that ends an answer always has the logit 0. What is looked at weighs less than what was
    said, or a decoder with norms behind the sums would say one word for ever."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            gain = 2.0 if name.endswith(("query.weight", "key.weight", "qkv.weight")) else 0.5 if "crossattention.output" in name else 1.0
            if "norm" in name.lower() and name.endswith("weight"):
                value = 1 + 0.1 * noise
            elif name.endswith("bias"):
                value = 0.1 * noise
            elif "embed" in name and "patch" not in name:
                value = (1.0 if "position_embeddings" in name else 0.5) * noise
            else:
                value = gain * noise / parameter[0].numel() ** 0.5
            parameter.copy_(value)
        if hasattr(model, "text_decoder"):
            model.text_decoder.bert.embeddings.word_embeddings.weight[end] = 0
            model.text_decoder.cls.predictions.bias[end] = 0
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model.eval().float()


@contextlib.contextmanager
def rounding(model):
    """As reference.ggml_rounding, with BERT's names of keys and values."""
    linears = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    hooks = [m.register_forward_pre_hook(lambda _, x: (x[0].half().float(),)) for m in linears.values()]
    hooks += [m.register_forward_hook(lambda _, __, y: y.half().float()) for n, m in linears.items() if n.endswith(("self.key", "self.value"))]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Blip:
    vision = dict(hidden_size=80, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4, image_size=64, patch_size=16, layer_norm_eps=1e-5)
    text = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=64)
    picture_names = ("native", "wide", "tall", "small", "shapes", "dark")
    architecture = "blip"

    def build(self):
        self.vocabulary = BertVocabulary(CORPUS)
        v = self.vocabulary
        text = dict(self.text, vocab_size=len(v.tokens), bos_token_id=v.start, sep_token_id=v.end, pad_token_id=0, is_decoder=True)
        config = transformers.BlipConfig(vision_config=self.vision, text_config=text, image_text_hidden_size=24)
        config._attn_implementation = "eager"
        self.model = randomise(self.classes(config), self.seed, v.end)
        return self.model

    @torch.no_grad()
    def see(self, image):
        return self.model.vision_model(pixel_values=torch.from_numpy(stretch(image, self.vision["image_size"]))).last_hidden_state

    def entry(self, folder, name, picture, image, memory, **more):
        pixels = stretch(image, self.vision["image_size"])
        return {"file": f"../../pictures/{picture}.png", "width": image.width, "height": image.height, "tokens": len(memory), **more,
                "pixels": {"original": store.save(folder, f"{picture}.pixels", pixels)},
                "features": store.save(folder, f"{picture}.features", self.see(image).numpy()), "embeddings": store.save(folder, f"{name}.embeddings", memory.numpy())}

    @torch.no_grad()
    def decode(self, ids, memory, expected=None, least=0.0):
        tokens, logits = [], []
        while True:
            row = self.model.text_decoder(input_ids=torch.tensor([ids + tokens]), encoder_hidden_states=None if memory is None else memory[None]).logits[0, -1]
            logits.append(row)
            token = int(row.argmax())
            if reference._lead(row) < least or expected and token != expected[len(tokens)]:
                return tokens, torch.stack(logits)
            tokens.append(token)
            if len(tokens) == reference.STEPS:
                return tokens, torch.stack(logits)

    def run(self, ids, make_memory, image, others):
        memory = make_memory(image)
        tokens, logits = self.decode(ids, memory, least=reference.MARGIN)
        if len(tokens) < reference.STEPS or len(set(tokens)) < reference.STEPS // 3:
            return None
        with rounding(self.model):
            rounded_tokens, rounded = self.decode(ids, make_memory(image), expected=tokens)
        if rounded_tokens != tokens:
            return None
        leads, deviation = torch.tensor([reference._lead(row) for row in logits]), logits.std(dim=1)
        drift = (rounded - logits).abs().max(dim=1).values / deviation
        if (leads < reference.DRIFTS * drift).any() or any(self.decode(ids, make_memory(other), expected=tokens)[0] == tokens for other in others):
            return None
        return {"logits": logits[0].numpy(), "tokens": tokens, "margin": round(float(leads.min()), 4), "drift": round(float(drift.max()), 4)}

    def record(self, folder, label, shown, prompt, spans, found):
        print(f"  {label:16} margin {found['margin']:.3f} drift {found['drift']:.4f} {found['tokens'][:8]}", flush=True)
        return {"name": label, "pictures": shown, "prompt": prompt, "spans": spans, "logits": store.save(folder, f"{label}.logits", found["logits"]),
                "tokens": found["tokens"], "margin": found["margin"], "drift": found["drift"]}

    def tower(self):
        state = {k: t for k, t in self.model.state_dict().items() if k.startswith("vision_model.") and "position_ids" not in k}
        named = {gguf_files.rename(TOWER, k): t for k, t in state.items()}
        return {k: t.reshape(t.shape[-2:] if k != "v.class_embd" else t.shape[-1:]) if k in FIXED else t for k, t in named.items()}

    def reader(self):
        """The text encoder's tensors, and the heads that match."""
        state = self.model.state_dict()
        named = {gguf_files.rename(ENCODER, k): t for k, t in state.items() if k.startswith("text_encoder.") and "position_ids" not in k}
        return {**named, **{gguf_files.rename(HEADS, k): t for k, t in state.items() if k.split(".")[0] in ("vision_proj", "text_proj", "itm_head")}}

    def write_vision(self, path):
        keys = {"clip.projector_type": "blip", "clip.use_gelu": True, "clip.vision.block_count": self.vision["num_hidden_layers"],
                "clip.vision.projection_dim": self.text["hidden_size"]}
        reads = hasattr(self.model, "text_encoder")
        if reads:
            keys.update({"clip.text.attention.head_count": self.text["num_attention_heads"], "clip.text.attention.layer_norm_epsilon": 1e-12,
                         "clip.text.tokens": self.vocabulary.pieces, "clip.text.start_token_id": self.vocabulary.encode_start})
        gguf_files.write_vision(path, self.model.config.vision_config, {**self.tower(), **(self.reader() if reads else {})}, keys, preprocess.CLIP_MEAN,
                                preprocess.CLIP_STD, full=FULL)

    def write_language(self, path):
        writer, config, vocabulary = gguf.GGUFWriter(path, arch=self.architecture), self.model.config.text_config, self.vocabulary
        writer.add_name(self.name)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_layer_norm_eps(config.layer_norm_eps)
        writer.add_uint32(f"{self.architecture}.cross_attention.memory_length", config.encoder_hidden_size)
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("jina-v2-en")
        writer.add_token_list(vocabulary.tokens)
        writer.add_token_types(vocabulary.types)
        for kind, text in (("unk", "[UNK]"), ("pad", "[PAD]"), ("mask", "[MASK]"), ("sep", "[SEP]"), ("eos", "[SEP]")):
            getattr(writer, f"add_{kind}_token_id")(vocabulary.pieces.index(text))
        writer.add_bos_token_id(vocabulary.start)
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(False)
        for key, tensor in self.model.state_dict().items():
            if key.startswith("text_decoder.") and "position_ids" not in key and "predictions.decoder" not in key:
                gguf_files._add(writer, gguf_files.rename(DECODER, key), tensor, full=FULL)
        gguf_files._finish(writer)

    def make(self, images, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build()
        self.images = {name: images[name] for name in self.picture_names}
        self.write_vision(folder / "mmproj-f16.gguf")
        self.write_language(folder / "language-f16.gguf")
        entries, runs = self.ask(folder)
        files = {p.stem: {"file": p.name, "sha256": store.digest(p)} for p in sorted(folder.glob("*.gguf"))}
        store.write_manifest(folder, {"case": self.name, "about": self.about, "seed": self.seed, "versions": store.versions(), "memory": True, "models": files,
                                      "image_size": self.vision["image_size"], "patch_size": 16, "steps": reference.STEPS, "pictures": entries, "runs": runs})


class Caption(Blip):
    name, seed, classes = "blip-caption", 401, transformers.BlipForConditionalGeneration
    about = "BLIP's captioning: a ViT behind a norm, a BERT decoder that looks at all of its tokens, wider than its own"
    vision = dict(Blip.vision, hidden_size=128, intermediate_size=160, num_hidden_layers=2, num_attention_heads=16)   # heads as candle fixes them
    text = dict(Blip.text, hidden_size=96, intermediate_size=128, num_attention_heads=12)

    def others(self, shown):
        return [image for name, image in self.images.items() if name not in shown]

    def ask(self, folder):
        entries = {name: self.entry(folder, name, name, image, self.see(image)[0]) for name, image in self.images.items()}
        forms = {"raw": QUESTIONS, "caption": ["", "a picture of", "this is", "there is", "look, a"] + [q.lower() for q in QUESTIONS]}
        runs = [self.one(folder, f"{p}.{label}", texts, [p]) for p in self.picture_names for label, texts in forms.items()]
        runs.append(self.one(folder, "text.raw", QUESTIONS, []))
        return entries, runs

    def one(self, folder, label, texts, shown):
        for text in texts:
            ids = [self.vocabulary.start] + self.vocabulary.encode(text)
            image = self.images[shown[0]] if shown else None
            found = self.run(ids, lambda one: None if one is None else self.see(one)[0], image, self.others(shown) if shown else [])
            if found:
                self.check_class(ids, image, found["tokens"])
                spans = [{"memory": shown[0]}, {"ids": ids}] if shown else [{"ids": ids}]
                return self.record(folder, label, shown, (reference.MEDIA if shown else "") + text, spans, found)
        raise SystemExit(f"no clear prompt for {label}: take another seed")

    def check_class(self, ids, image, tokens):
        """The class's own generate, which puts its start in the place of [CLS] and cuts [SEP]."""
        if image is not None:
            end = self.vocabulary.end
            made = self.model.generate(pixel_values=torch.from_numpy(stretch(image, 64)), input_ids=torch.tensor([ids[:0] + [2] + ids[1:] + [end]]),
                                       attention_mask=torch.ones(1, len(ids) + 1, dtype=torch.long), max_new_tokens=reference.STEPS, do_sample=False, num_beams=1)
            assert made[0].tolist() == ids + tokens, "the class's generate disagrees"


class Answer(Blip):
    name, seed, classes, architecture = "blip-vqa", 402, transformers.BlipForQuestionAnswering, "blip-vqa"
    about = "BLIP's question answering: a BERT reads the question, [ENC] in front, and the picture; the decoder looks at its states"
    vision = dict(Blip.vision, hidden_size=64)
    again = ("shapes", "dark")                                 # of which a second question is asked

    @torch.no_grad()
    def read(self, question, image, start=None):
        ids = self.vocabulary.words.encode(question)
        ids[0] = self.vocabulary.encode_start if start is None else start
        seen = self.see(image)
        return self.model.text_encoder(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), encoder_hidden_states=seen,
                                       encoder_attention_mask=torch.ones(seen.shape[:-1], dtype=torch.long)).last_hidden_state[0]

    def ask(self, folder):
        entries, runs, asked = {}, [], {}
        for picture in [*self.picture_names, *self.again]:
            name = picture if picture not in entries else f"{picture}.again"
            image = self.images[picture]
            others = [other for key, other in self.images.items() if key != picture]
            for question in [q for q in QUESTIONS if q != asked.get(picture)]:
                found = self.run([self.vocabulary.start], lambda one: self.read(question, one), image, others)
                if found and self.decode([self.vocabulary.start], self.read(question, image, 2), expected=found["tokens"])[0] != found["tokens"]:
                    break
            else:
                raise SystemExit(f"no clear question for {name}: take another seed")
            asked[picture] = question
            self.check_class(question, image, found["tokens"])
            entries[name] = self.entry(folder, name, picture, image, self.read(question, image), instruction=question)
            runs.append(self.record(folder, f"{name}.raw", [name], reference.MEDIA + question, [{"memory": name}, {"ids": [self.vocabulary.start]}], found))
        return entries, runs

    def check_class(self, question, image, tokens):
        ids = self.vocabulary.words.encode(question)
        ids[0] = self.vocabulary.encode_start
        made = self.model.generate(input_ids=torch.tensor([ids]), pixel_values=torch.from_numpy(stretch(image, 64)), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                                   max_new_tokens=reference.STEPS, do_sample=False, num_beams=1)
        assert made[0].tolist() == [self.vocabulary.start] + tokens, "the class's generate disagrees"


class Matching(Blip):
    """Every picture with every text: both logits of the head with [ENC] in front as the authors have it and with [CLS] as transformers' processor, and
    the cosine of the vectors."""
    name, seed, classes = "blip-itm", 403, transformers.BlipForImageTextRetrieval
    texts = ("What is this?", "A small red square on a dark ground.", "two stars", "")

    @torch.no_grad()
    def score(self, image, text, use_itm_head, start=None):
        ids = self.vocabulary.words.encode(text)
        if start is not None:
            ids[0] = start
        return self.model(input_ids=torch.tensor([ids]), pixel_values=torch.from_numpy(stretch(image, 64)), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                          use_itm_head=use_itm_head).itm_score[0]

    def make(self, images, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build()
        self.write_vision(folder / "matching-f16.gguf")
        rows = [{"picture": f"../../pictures/{p}.png", "text": t, "logits": self.score(images[p], t, True, self.vocabulary.encode_start).tolist(),
                 "logits_transformers": self.score(images[p], t, True).tolist(), "cosine": float(self.score(images[p], t, False)[0])}
                for p in self.picture_names for t in self.texts]
        with torch.no_grad():
            vectors = torch.nn.functional.normalize(torch.stack([self.model.vision_proj(self.see(images[p])[0, 0]) for p in self.picture_names]), dim=-1)
        store.save(folder, "picture-vectors", vectors.numpy())
        store.write_manifest(folder, {"case": self.name, "seed": self.seed, "versions": store.versions(), "pictures": list(self.picture_names), "matches": rows})


CASES = [Caption(), Answer(), Matching()]

if __name__ == "__main__":
    torch.set_num_threads(1)
    drawn = pictures.draw(HERE.parent / "pictures")
    for case in CASES:
        if not sys.argv[1:] or case.name in sys.argv[1:]:
            print(case.name, flush=True)
            case.make(drawn, HERE / case.name)
