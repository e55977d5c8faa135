"""Goldens of IDEFICS from transformers' IdeficsForVisionText2Text with random weights. See README.md."""
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import gguf
import numpy as np
import torch
import transformers
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

import gguf_files
import pictures
import preprocess
import reference
import store
from corpus import CORPUS, QUESTIONS
from randomise import randomise
from vocabulary import SentencePieceVocabulary

AROUND, IMAGE = "<fake_token_around_image>", "<image>"
PERCEIVER = [("model.perceiver_resampler.", "perceiver."), ("perceiver.layer_norm", "perceiver.norm"), ("blocks.", "blk."),
             (".0.context_layer_norm", ".norm_media"), (".0.latents_layer_norm", ".norm_latents"), (".0.q_layer_norm", ".q_norm"), (".0.k_layer_norm", ".k_norm"),
             (".0.q_proj", ".q"), (".0.k_proj", ".k"), (".0.v_proj", ".v"), (".0.output_proj", ".out"), (".1.ln", ".ffn_norm"), (".1.fc", ".ffn_up"),
             (".1.c_proj", ".ffn_down")]
CROSSING = [("input_layernorm", "norm"), ("cross_attn.q_proj", "q"), ("cross_attn.k_proj", "k"), ("cross_attn.v_proj", "v"), ("cross_attn.o_proj", "output"),
            ("cross_attn.q_layer_norm", "q_norm"), ("cross_attn.k_layer_norm", "k_norm"), ("post_attention_layernorm", "ffn_norm"), ("mlp.gate_proj", "ffn_gate"),
            ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"), ("alpha_cross_attn", "attn_alpha"), ("alpha_dense", "ffn_alpha")]


class IdeficsVocabulary(SentencePieceVocabulary):
    specials = [AROUND, IMAGE]
    placeholder_text = IMAGE


class Idefics:
    name, seed, interval = "idefics", 331, 2
    about = "IDEFICS: ViT with its class token, a perceiver, gated cross-attention in front of every second block, the latest picture seen"
    picture_names = ("native", "wide", "tall", "small", "shapes", "dark")

    def build(self):
        self.vocabulary = IdeficsVocabulary(CORPUS)
        self.around, self.image = (self.vocabulary.tokens.index(text) for text in (AROUND, IMAGE))
        plain = len(self.vocabulary.tokens) - 2
        assert (self.around, self.image) == (plain, plain + 1)
        vision = dict(embed_dim=64, image_size=56, intermediate_size=128, patch_size=14, num_hidden_layers=3, num_attention_heads=4, hidden_act="gelu")
        perceiver = dict(use_resampler=True, resampler_n_latents=6, resampler_depth=2, resampler_n_heads=4, resampler_head_dim=24, qk_layer_norms_perceiver=True)
        config = transformers.IdeficsConfig(
            vocab_size=plain, additional_vocab_size=2, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, rms_norm_eps=1e-6,
            max_position_embeddings=2048, cross_layer_interval=self.interval, qk_layer_norms=True, alpha_type="float", use_resampler=True, tie_word_embeddings=False,
            bos_token_id=self.vocabulary.bos, eos_token_id=self.vocabulary.eos, pad_token_id=0, vision_config=vision, perceiver_config=perceiver,
            attn_implementation="eager")
        self.model = transformers.IdeficsForVisionText2Text(config)
        randomise(self.model, self.seed, [t for t in self.vocabulary.silent_tokens if t < plain])
        with torch.no_grad():
            self.model.lm_head.additional_fc.weight.zero_()
        self.processor = IdeficsImageProcessorPil(image_size=56)

    def process(self, image):
        with preprocess.horizontal_first():
            return np.asarray(self.processor(image, return_tensors="pt"))[0].astype(np.float32)

    @torch.no_grad()
    def show(self, folder, picture, image):
        pixels = self.process(image)
        assert np.array_equal(pixels, preprocess.normalise(preprocess.resize(image, (56, 56)))), "the processor's pixels differ"
        features = self.model.model.vision_model(pixel_values=torch.from_numpy(pixels)[None]).last_hidden_state
        latents = self.model.model.perceiver_resampler(features)[0]
        return {"file": f"../../pictures/{picture}.png", "width": image.width, "height": image.height, "tokens": len(latents),
                "pixels": {"original": store.save(folder, f"{picture}.pixels", pixels[None])}, "features": store.save(folder, f"{picture}.features", features.numpy()),
                "embeddings": store.save(folder, f"{picture}.embeddings", latents.numpy())}

    def lay_out(self, prompt, shown):
        """Each text by itself, the start token once; neighbours share the token between them."""
        spans, ids = [], [self.vocabulary.bos]
        for k, text in enumerate(prompt.split(reference.MEDIA)):
            ids = ids + (self.vocabulary.encode(text) if text else [])
            if k < len(shown):
                ids = ids + [self.around] * (ids[-1] != self.around)
                spans += [{"ids": ids}, {"memory": shown[k]}]
                ids = [self.image, self.around]
        return spans + [{"ids": ids}] * bool(ids)

    def mask(self, ids, count):
        """processing_idefics.py, image_attention_mask_for_packed_input_ids and incremental_to_binary_attention_mask, without an end."""
        rows, seen = [], -1
        for token in ids:
            seen += token == self.image
            rows.append([1.0 if seen == k else 0.0 for k in range(max(1, count))])
        return torch.tensor([rows])

    @torch.no_grad()
    def decode(self, ids, shown, expected=None, least=0.0):
        pixels = torch.from_numpy(np.stack([self.process(self.images[p]) for p in shown]) if shown else np.zeros((1, 3, 56, 56), np.float32))[None]
        tokens, logits = [], []
        while True:
            row = self.model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), pixel_values=pixels,
                             image_attention_mask=self.mask(ids, len(shown)), use_cache=False).logits[0, -1]
            logits.append(row)
            tokens.append(int(row.argmax()))
            if reference._lead(row) < least or expected and tokens[-1] != expected[len(tokens) - 1]:
                return tokens[:-1], torch.stack(logits)
            if len(tokens) == reference.STEPS:
                return tokens, torch.stack(logits)
            ids = ids + tokens[-1:]

    def run(self, prompt, shown):
        spans = self.lay_out(prompt, shown)
        ids = [i for span in spans if "ids" in span for i in span["ids"]]
        tokens, logits = self.decode(ids, shown, least=reference.MARGIN)
        if len(tokens) < reference.STEPS or len(set(tokens)) < reference.STEPS // 3:
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

    def export(self, folder):
        state = self.model.state_dict()
        tower = gguf_files.tower_tensors(self.model.model.vision_model, 3, swapped=False, fused=False, post_norm=False)
        rest = {gguf_files.rename(PERCEIVER, key): tensor for key, tensor in state.items() if key.startswith("model.perceiver_resampler.")}
        vision = self.model.config.vision_config
        vision.hidden_size = vision.embed_dim
        keys = {"clip.projector_type": "idefics", "clip.use_gelu": True, "clip.vision.block_count": 3, "clip.vision.projection_dim": 64,
                "clip.perceiver.attention.head_count": 4}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", vision, {**tower, **rest}, keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD,
                                full=["v.position_embd.weight", "perceiver.latents"])
        self.write_language(folder / "language-f16.gguf", state)

    def write_language(self, path, state):
        writer, config, vocabulary = gguf.GGUFWriter(path, arch="idefics"), self.model.config, self.vocabulary
        writer.add_name(self.name)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        writer.add_vocab_size(config.vocab_size)
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_attention_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(10000.0)
        writer.add_uint32("idefics.cross_attention.interval", self.interval)
        writer.add_uint32("idefics.cross_attention.memory_length", 64)
        writer.add_tokenizer_model(vocabulary.model)
        writer.add_tokenizer_pre(vocabulary.pre)
        writer.add_token_list(vocabulary.tokens)
        writer.add_token_types(vocabulary.types)
        vocabulary.write(writer)
        writer.add_bos_token_id(vocabulary.bos)
        writer.add_eos_token_id(vocabulary.eos)
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(False)
        tables = {"model.embed_tokens.weight": "model.embed_tokens.additional_embedding.weight", "lm_head.weight": "lm_head.additional_fc.weight"}
        for key, tensor in state.items():
            if key in tables:
                tensor = torch.cat([tensor, state[tables[key]]])
            if key in tables.values() or key.startswith(("model.vision_model.", "model.perceiver_resampler.")) or "rotary" in key:
                continue
            if key.startswith("model.gated_cross_attn_layers."):
                layer, rest = key.removeprefix("model.gated_cross_attn_layers.").split(".", 1)
                name = f"blk.{int(layer) * self.interval}.xattn_{gguf_files.rename(CROSSING, rest)}"
            else:
                name = gguf_files.rename([("model.", ""), *gguf_files.LANGUAGE[1:]], key)
                name = "output_norm.weight" if name == "norm.weight" else name
                if "attn_q." in name or "attn_k." in name:
                    tensor = gguf_files._interleave(tensor, config.num_attention_heads)
            gguf_files._add(writer, name, tensor)
        gguf_files._finish(writer)

    def make(self, images, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build()
        self.images = {name: images[name] for name in self.picture_names}
        self.export(folder)
        entries = {name: self.show(folder, name, image) for name, image in self.images.items()}
        media = reference.MEDIA
        wanted = [(f"{p}.raw", [f"{media}{q}" for q in QUESTIONS], [p]) for p in self.picture_names]
        wanted += [(f"{p}.chat", [f"User:{media}{q}\nAssistant:" for q in QUESTIONS], [p]) for p in ("shapes", "wide", "small")]
        wanted += [("pair.raw", [f"A {media} and {media}? {q}" for q in QUESTIONS], ["shapes", "dark"]),
                   ("neighbours.raw", [f"Both:{media}{media}{q}" for q in QUESTIONS], ["shapes", "wide"]),
                   ("shots.raw", [f"{media}It is small.{media}It is large.{media}{q}" for q in QUESTIONS], ["small", "wide", "shapes"]),
                   ("text.raw", QUESTIONS, [])]
        runs = [self.ask(folder, *one) for one in wanted]
        files = {p.stem: {"file": p.name, "sha256": store.digest(p)} for p in sorted(folder.glob("*.gguf"))}
        store.write_manifest(folder, {"case": self.name, "about": self.about, "seed": self.seed, "versions": store.versions(), "memory": True,
                                      "models": files, "image_size": 56, "patch_size": 14, "steps": reference.STEPS, "pictures": entries, "runs": runs})


if __name__ == "__main__":
    torch.set_num_threads(1)
    case = Idefics()
    case.make(pictures.draw(HERE.parent / "pictures"), HERE / case.name)
