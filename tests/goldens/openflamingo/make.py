"""Goldens of OpenFlamingo from a port of the authors' code (model.py) with transformers' MPT and GPT-NeoX and random weights. See README.md."""
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

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
from model import Flamingo, NormedQueries
from vocabulary import BytePairVocabulary

END, IMAGE = "<|endofchunk|>", "<image>"
PERCEIVER = [(r"^layers\.(\d+)\.0\.to_", r"blk.\1."), (r"^layers\.(\d+)\.0\.", r"blk.\1."), (r"^layers\.(\d+)\.1\.0", r"blk.\1.ffn_norm"),
             (r"^layers\.(\d+)\.1\.1", r"blk.\1.ffn_up"), (r"^layers\.(\d+)\.1\.3", r"blk.\1.ffn_down")]
CROSSING = [("gated_cross_attn_layer.", "xattn_"), ("attn.norm", "norm"), ("attn.to_q", "q"), ("attn.to_out", "output"), ("xattn_ff.0", "xattn_ffn_norm"),
            ("xattn_ff.1", "xattn_ffn_up"), ("xattn_ff.3", "xattn_ffn_down"), ("ff_gate", "ffn_gate")]
MPT = [("transformer.", ""), ("wte", "token_embd"), ("norm_f", "output_norm"), ("blocks.", "blk."), ("norm_1", "attn_norm"), ("norm_2", "ffn_norm"),
       ("attn.Wqkv.linear", "attn_qkv"), ("attn.Wqkv.q_ln", "attn_q_norm"), ("attn.Wqkv.k_ln", "attn_k_norm"), ("attn.out_proj", "attn_output"),
       ("ffn.up_proj", "ffn_up"), ("ffn.down_proj", "ffn_down")]
NEOX = [("gpt_neox.", ""), ("embed_in", "token_embd"), ("embed_out", "output"), ("final_layer_norm", "output_norm"), ("layers.", "blk."),
        ("post_attention_layernorm", "ffn_norm"), ("input_layernorm", "attn_norm"), ("attention.query_key_value", "attn_qkv"), ("attention.dense", "attn_output"),
        ("mlp.dense_h_to_4h", "ffn_up"), ("mlp.dense_4h_to_h", "ffn_down")]


class NeoxVocabulary(BytePairVocabulary):
    """GPT-2's way of cutting words, no start token; behind the tokenizer's own tokens the two that OpenFlamingo adds."""
    pre, specials, whole_words_first = "gpt-2", ["<|endoftext|>", END, IMAGE], False
    bos_text, eos_text, placeholder_text, adds_bos = "<|endoftext|>", "<|endoftext|>", IMAGE, False

    def _load(self):
        from tokenizers import pre_tokenizers
        tokenizer = super()._load()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return tokenizer


class Released(NeoxVocabulary):
    """The language model's own tokenizer, which does not know the two."""
    specials, placeholder_text = ["<|endoftext|>"], "<|endoftext|>"


def randomise(model, seed, silent, scales):
    """All weights from one seed, rounded to float16; tokens that end an answer always have the logit 0. scales: of the gates, the table of tokens, the
    language model's matrices (feed-forward networks apart) and the crossings' output, so that neither picture nor last token alone decides."""
    attention_gate, feed_gate, table, feed, matrices, crossing = scales
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if ("norm" in name or "_ln" in name or name.endswith((".ff.0.weight", ".1.0.weight"))) and name.endswith("weight"):
                value = 1 + 0.1 * noise
                if name.endswith("norm_f.weight"):             # MPT's head is the table of tokens: without signs a token would follow itself
                    value *= torch.randn(noise.shape, generator=generator).sign()
            elif name.endswith("gate"):
                value = (feed_gate if name.endswith("ff_gate") else attention_gate) + 0.1 * noise
            elif name.endswith("bias"):
                value = 0.1 * noise
            elif "embed" in name and "patch" not in name or "wte" in name:
                value = table * noise
            elif parameter.ndim >= 2:
                gain = 1.6 if name.endswith("to_q.weight") else crossing if name.endswith("to_out.weight") and "gated" in name else 1.3
                if "decoder_layer" in name:
                    gain = feed if "ffn" in name or "mlp" in name else matrices
                value = gain * noise / parameter[0].numel() ** 0.5
            else:
                value = 0.5 * noise
            parameter.copy_(value)
        model.lang_encoder.get_output_embeddings().weight[list(silent)] = 0
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model.eval().float()


class OpenFlamingo:
    side = 56
    picture_names = ("native", "wide", "shapes", "dark")
    fewest = reference.STEPS // 3                                # different tokens of an answer
    vision = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, patch_size=14, image_size=56, hidden_act="quick_gelu")

    def build(self):
        self.vocabulary = NeoxVocabulary(CORPUS)
        self.end, self.image = (self.vocabulary.tokens.index(text) for text in (END, IMAGE))
        language, layers = self.language(len(self.vocabulary.tokens))
        vision = transformers.CLIPVisionConfig(**self.vision, attn_implementation="eager")
        self.model = Flamingo(vision, language, layers, media_token_id=self.image, cross_attn_every_n_layers=self.every, depth=2, latents=6)
        randomise(self.model, self.seed, [self.end, self.vocabulary.eos], self.scales)
        return self.model

    def process(self, image):
        """open_clip's transform: shorter side, torchvision's CenterCrop, ToTensor, Normalize."""
        short, long = sorted(image.size)
        other = int(self.side * long / short)
        image = preprocess.resize(image, (self.side, other) if image.width <= image.height else (other, self.side))
        left, top = (int(round((side - self.side) / 2.0)) for side in image.size)
        image = image.crop((left, top, left + self.side, top + self.side))
        pixels = torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()).float().div(255)
        mean, std = (torch.tensor(values)[:, None, None] for values in (preprocess.CLIP_MEAN, preprocess.CLIP_STD))
        return pixels.sub(mean).div(std).numpy()

    @torch.no_grad()
    def see(self, names):
        return self.model.see(torch.from_numpy(np.stack([self.process(self.images[name]) for name in names])))

    def show(self, folder, picture, image):
        features, latents = self.see([picture])
        return {"file": f"../../pictures/{picture}.png", "width": image.width, "height": image.height, "tokens": latents.shape[1],
                "pixels": {"original": store.save(folder, f"{picture}.pixels", self.process(image)[None])},
                "features": store.save(folder, f"{picture}.features", features.numpy()), "embeddings": store.save(folder, f"{picture}.embeddings", latents[0].numpy())}

    def lay_out(self, prompt, shown):
        spans, ids = [], []
        for k, text in enumerate(prompt.split(reference.MEDIA)):
            ids = ids + (self.vocabulary.encode(text) if text else [])
            if k < len(shown):
                spans += [{"ids": ids}] * bool(ids) + [{"memory": shown[k]}]
                ids = [self.image]
        return spans + [{"ids": ids}] * bool(ids)

    @torch.no_grad()
    def decode(self, ids, shown, expected=None, least=0.0):
        latents = self.see(shown)[1] if shown else torch.zeros(1, 6, self.vision["hidden_size"])
        tokens, logits = [], []
        while True:
            row = self.model(torch.tensor([ids + tokens]), latents)
            logits.append(row)
            token = int(row.argmax())
            if reference._lead(row) < least or token == self.image or expected and token != expected[len(tokens)]:
                return tokens, torch.stack(logits)
            tokens.append(token)
            if len(tokens) == reference.STEPS:
                return tokens, torch.stack(logits)

    def run(self, prompt, shown):
        spans = self.lay_out(prompt, shown)
        ids = [i for span in spans if "ids" in span for i in span["ids"]]
        assert ids == self.vocabulary.encode(prompt.replace(reference.MEDIA, IMAGE)), "pieces and the whole prompt tokenize differently"
        tokens, logits = self.decode(ids, shown, least=reference.MARGIN)
        if len(tokens) < reference.STEPS or len(set(tokens)) < self.fewest:
            return None
        with reference.ggml_rounding(self.model):
            rounded_tokens, rounded = self.decode(ids, shown, expected=tokens)
        if rounded_tokens != tokens:
            return None
        leads, deviation = torch.tensor([reference._lead(row) for row in logits]), logits.std(dim=1)
        drift = (rounded - logits).abs().max(dim=1).values / deviation
        if (leads < reference.DRIFTS * drift).any():
            return None
        if shown and self.decode(ids, [*shown[:-1], "dark" if shown[-1] != "dark" else "shapes"], expected=tokens)[0] == tokens:
            return None
        return spans, logits[0].numpy(), tokens, float(leads.min()), float(drift.max())

    def ask(self, folder, label, prompts, shown):
        for prompt in prompts:
            found = self.run(prompt, shown)
            if found:
                spans, logits, tokens, margin, drift = found
                print(f"  {label:16} margin {margin:.3f} drift {drift:.4f} {tokens[:8]}", flush=True)
                return {"name": label, "pictures": shown, "prompt": prompt, "spans": spans, "logits": store.save(folder, f"{label}.logits", logits),
                        "tokens": tokens, "margin": round(margin, 4), "drift": round(drift, 4)}
        raise SystemExit(f"no clear prompt for {label}: take another seed")

    def write_vision(self, path):
        tower = gguf_files.tower_tensors(self.model.vision_encoder, 3, swapped=False, fused=False, post_norm=False)
        perceiver = {}
        for key, tensor in self.model.perceiver.state_dict().items():
            for old, new in PERCEIVER:
                key = re.sub(old, new, key)
            name = "perceiver." + key
            if name.endswith(".kv.weight"):
                perceiver[name.replace(".kv.", ".k.")], perceiver[name.replace(".kv.", ".v.")] = tensor.chunk(2)
            else:
                perceiver[name] = tensor
        keys = {"clip.projector_type": "flamingo", "clip.use_gelu": False, "clip.vision.block_count": 3, "clip.vision.projection_dim": self.width,
                "clip.perceiver.attention.head_count": 8}
        gguf_files.write_vision(path, self.model.vision_encoder.config, {**tower, **perceiver}, keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD,
                                full=["v.position_embd.weight", "perceiver.latents"])

    def write_language(self, path):
        writer, vocabulary = gguf.GGUFWriter(path, arch=self.architecture), self.vocabulary
        writer.add_name(self.name)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        self.add_keys(writer)
        writer.add_layer_norm_eps(1e-5)
        for key, value in {"interval": self.every, "head_count": 8, "key_length": 64, "memory_length": self.vision["hidden_size"]}.items():
            writer.add_uint32(f"{self.architecture}.cross_attention.{key}", value)
        writer.add_tokenizer_model(vocabulary.model)
        writer.add_tokenizer_pre(vocabulary.pre)
        writer.add_token_list(vocabulary.tokens)
        writer.add_token_types(vocabulary.types)
        vocabulary.write(writer)
        writer.add_eos_token_id(vocabulary.eos)
        writer.add_eot_token_id(self.end)
        writer.add_add_bos_token(False)
        for key, tensor in self.model.lang_encoder.state_dict().items():
            if key == "lm_head.weight":
                continue
            name = gguf_files.rename(CROSSING if "gated_cross" in key else [], gguf_files.rename(self.names, key.replace("decoder_layer.", "")))
            if "attn.to_kv" in name:
                for part, half in zip("kv", tensor.chunk(2)):
                    gguf_files._add(writer, name.replace("attn.to_kv", part), half)
                continue
            gguf_files._add(writer, name, self.reorder(name, tensor))
        gguf_files._finish(writer)

    def reorder(self, name, tensor):
        return tensor

    def make(self, images, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build()
        self.images = {name: images[name] for name in self.picture_names}
        self.write_vision(folder / "mmproj-f16.gguf")
        self.write_language(folder / "language-f16.gguf")
        entries = {name: self.show(folder, name, image) for name, image in self.images.items()}
        media = reference.MEDIA
        wanted = [(f"{p}.raw", [f"{media}{q}" for q in QUESTIONS], [p]) for p in self.picture_names]
        wanted += [(f"{p}.chat", [f"{media}Question:{q} Short answer:" for q in QUESTIONS], [p]) for p in ("shapes",)]
        wanted += [("pair.raw", [f"A {media} and {media}? {q}" for q in QUESTIONS], ["shapes", "dark"]),
                   ("shots.raw", [f"{media}It is small.{END}{media}It is large.{END}{media}{q}" for q in QUESTIONS], ["native", "wide", "shapes"]),
                   ("later.raw", [f"Look again. {media}{q}" for q in QUESTIONS], ["native"]), ("text.raw", QUESTIONS, [])]
        runs = [self.ask(folder, *one) for one in wanted]
        files = {p.stem: {"file": p.name, "sha256": store.digest(p)} for p in sorted(folder.glob("*.gguf"))}
        store.write_manifest(folder, {"case": self.name, "about": self.about, "seed": self.seed, "versions": store.versions(), "memory": True, "models": files,
                                      "image_size": self.side, "patch_size": 14, "steps": reference.STEPS, "pictures": entries, "runs": runs})


class Mpt(OpenFlamingo):
    name, seed, architecture, every, width, names = "openflamingo-mpt", 476, "flamingo-mpt", 1, 48, MPT
    about = "OpenFlamingo on MPT: ALiBi of three heads, norms of queries and keys, a tied head, a picture looked at in front of every block"

    scales = 0.3, 0.3, 0.5, 3.0, 1.0, 0.5

    def language(self, size):
        config = transformers.MptConfig(d_model=48, n_heads=3, n_layers=3, vocab_size=size, max_seq_len=256, tie_word_embeddings=True, attn_implementation="eager")
        model = transformers.MptForCausalLM(config)
        for block in model.transformer.blocks:
            block.attn.Wqkv = NormedQueries(block.attn.Wqkv, 48, 1e-5)
        return model, ("transformer", "blocks")

    def add_keys(self, writer):
        writer.add_context_length(256)
        writer.add_embedding_length(48)
        writer.add_block_count(3)
        writer.add_feed_forward_length(192)
        writer.add_head_count(3)
        writer.add_max_alibi_bias(8.0)


class Neox(OpenFlamingo):
    name, seed, architecture, every, width, names = "openflamingo-neox", 422, "flamingo-neox", 2, 48, NEOX
    about = "OpenFlamingo on GPT-NeoX: rotary positions by halves on a part of each head, a head of its own, a picture looked at in front of every second block"

    scales = 0.3, 0.3, 2.0, 1.6, 1.6, 0.7

    def language(self, size):
        config = transformers.GPTNeoXConfig(hidden_size=48, num_attention_heads=3, num_hidden_layers=4, intermediate_size=96, vocab_size=size, rotary_pct=0.5,
                                            use_parallel_residual=False, max_position_embeddings=256, tie_word_embeddings=False, attn_implementation="eager")
        assert config.rope_parameters["partial_rotary_factor"] == 0.5
        return transformers.GPTNeoXForCausalLM(config), ("gpt_neox", "layers")

    def add_keys(self, writer):
        writer.add_context_length(256)
        writer.add_embedding_length(48)
        writer.add_block_count(4)
        writer.add_feed_forward_length(96)
        writer.add_head_count(3)
        writer.add_rope_dimension_count(8)
        writer.add_rope_freq_base(10000.0)
        writer.add_parallel_residual(False)

    def reorder(self, name, tensor):
        return tensor.unflatten(0, (3, 3, 16)).transpose(0, 1).flatten(0, 2) if "attn_qkv" in name else tensor


CASES = [Mpt(), Neox()]

if __name__ == "__main__":
    torch.set_num_threads(1)
    drawn = pictures.draw(HERE.parent / "pictures")
    for case in CASES:
        if not sys.argv[1:] or case.name in sys.argv[1:]:
            print(case.name, flush=True)
            case.make(drawn, HERE / case.name)
