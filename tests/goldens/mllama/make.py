"""Goldens of Llama 3.2 Vision from transformers' MllamaForConditionalGeneration with random weights. See README.md."""
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import gguf
import numpy as np
import torch
import transformers
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil
from transformers.models.mllama.processing_mllama import convert_sparse_cross_attention_mask_to_dense, get_cross_attention_token_mask

import gguf_files
import pictures
import preprocess
import reference
import store
from corpus import CORPUS, QUESTIONS
from randomise import randomise
from vocabulary import BytePairVocabulary

TILE, PATCH, MOST_TILES, INTERMEDIATE, CROSS = 28, 7, 4, [1, 3], [1, 3]
CHAT = ("<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
# ollama/ollama: convert/convert_mllama.go and convert_llama.go, Replacements.
VISION = [("model.vision_model", "v"), ("model.multi_modal_projector", "mm.0"), ("input_layernorm", "attn_norm"), ("self_attn.q_proj", "attn_q"),
          ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
          ("post_attention_layernorm", "ffn_norm"), ("gate_attn", "attn_gate"), ("gate_ffn", "ffn_gate"), ("class_embedding", "class_embd"),
          ("patch_embedding", "patch_embd"), ("gated_positional_embedding.tile_embedding", "tile_position_embd"),
          ("gated_positional_embedding.embedding", "position_embd.weight"), ("gated_positional_embedding", "position_embd"),
          ("embedding.weight", "weight"), ("pre_tile_positional_embedding", "pre_tile_position_embd"),
          ("post_tile_positional_embedding", "post_tile_position_embd"), ("layernorm_pre", "pre_ln"), ("layernorm_post", "post_ln"),
          ("global_transformer.layers", "global.blk"), ("transformer.layers", "blk"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
TEXT = [("cross_attn.", "cross_attn_"), *gguf_files.LANGUAGE]


class Llama3Vocabulary(BytePairVocabulary):
    """The picture's token is the last, of which the head gives no logit."""
    specials = BytePairVocabulary.specials + ["<|start_header_id|>", "<|end_header_id|>", "<|python_tag|>", "<|image|>"]
    eos_text, placeholder_text = "<|eot_id|>", "<|image|>"


class Mllama:
    name, seed = "llama-3.2-vision", 311
    about = "Llama 3.2 Vision: tiles, arrangements, local and global layers, gates, two cross-attention layers; pictures one by one and together"
    picture_names = ("native", "wide", "tall", "page", "small", "line", "shapes", "dark")

    def build(self):
        self.vocabulary = Llama3Vocabulary(CORPUS)
        self.image = self.vocabulary.placeholder
        head = len(self.vocabulary.tokens) - 1
        assert self.image == head
        # transformers 5.12 takes the state after block i + 1 for index i: lowered by one, it takes what the authors' code does.
        vision = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_global_layers=2, attention_heads=4, image_size=TILE,
                      patch_size=PATCH, max_num_tiles=MOST_TILES, vision_output_dim=64 * (1 + len(INTERMEDIATE)),
                      intermediate_layers_indices=[i - 1 for i in INTERMEDIATE], supported_aspect_ratios=[[1, 1], [1, 2], [1, 3], [1, 4], [2, 1],
                      [2, 2], [3, 1], [4, 1]])
        text = dict(vocab_size=head, hidden_size=64, intermediate_size=128, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2,
                    cross_attention_layers=CROSS, max_position_embeddings=2048, rms_norm_eps=1e-5, tie_word_embeddings=False, pad_token_id=0,
                    bos_token_id=self.vocabulary.bos, eos_token_id=self.vocabulary.eos,
                    rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                         original_max_position_embeddings=64))
        config = transformers.MllamaConfig(vision_config=vision, text_config=text, image_token_index=self.image, attn_implementation="eager")
        self.model = randomise(transformers.MllamaForConditionalGeneration(config), self.seed, self.vocabulary.silent_tokens[:-1])
        self.processor = MllamaImageProcessorPil(size={"height": TILE, "width": TILE}, max_image_tiles=MOST_TILES,
                                                 image_mean=preprocess.CLIP_MEAN, image_std=preprocess.CLIP_STD)

    def process(self, images):
        with preprocess.horizontal_first():
            return self.processor([images], return_tensors="pt")

    @torch.no_grad()
    def show(self, folder, picture, image):
        made = self.process([image])
        count = int(made["num_tiles"][0][0])
        model = self.model.model
        features = model.vision_model(pixel_values=made["pixel_values"], aspect_ratio_ids=made["aspect_ratio_ids"],
                                      aspect_ratio_mask=made["aspect_ratio_mask"]).last_hidden_state[0, 0]
        memory = model.multi_modal_projector(features)
        pixels = made["pixel_values"][0, 0].numpy()
        assert not pixels[count:].any()
        return {"file": f"../../pictures/{picture}.png", "width": image.width, "height": image.height, "tiles": count,
                "arrangement": int(made["aspect_ratio_ids"][0, 0]), "tokens": count * memory.shape[1], "pixels": {"original": store.save(
                    folder, f"{picture}.pixels", pixels[:count])}, "features": store.save(folder, f"{picture}.features", features.numpy()),
                "embeddings": store.save(folder, f"{picture}.embeddings", memory.reshape(-1, memory.shape[-1]).numpy())}

    def lay_out(self, prompt, shown):
        """Each text by itself, the start token once; a picture's token begins a run, behind the picture that it brings."""
        spans, ids = [], [self.vocabulary.bos]
        for k, text in enumerate(prompt.split(reference.MEDIA)):
            ids = ids + self.vocabulary.encode(text)
            if k < len(shown):
                spans += [{"ids": ids}] * bool(ids) + [{"memory": shown[k]}]
                ids = [self.image]
        return spans + [{"ids": ids}] * bool(ids)

    @torch.no_grad()
    def decode(self, ids, shown, expected=None, least=0.0):
        inputs = {}
        if shown:
            made = self.process([self.images[p] for p in shown])
            inputs = {k: made[k] for k in ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")}
            sparse = [get_cross_attention_token_mask(ids, self.image)]
            mask = torch.tensor(convert_sparse_cross_attention_mask_to_dense(sparse, made["num_tiles"], MOST_TILES, len(ids)))
        tokens, logits = [], []
        while True:
            if shown:
                inputs["cross_attention_mask"] = mask
            row = self.model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), **inputs).logits[0, -1]
            logits.append(row)
            tokens.append(int(row.argmax()))
            if reference._lead(row) < least or expected and tokens[-1] != expected[len(tokens) - 1]:
                return tokens[:-1], torch.stack(logits)
            if len(tokens) == reference.STEPS:
                return tokens, torch.stack(logits)
            ids = ids + tokens[-1:]
            if shown:
                mask = torch.cat([mask, mask[:, -1:]], dim=1)

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

    def vision_state(self):
        """The tensors as ollama's converter leaves them: gates after tanh, queries and keys permuted."""
        state = {}
        for key, tensor in self.model.state_dict().items():
            if not key.startswith(("model.vision_model", "model.multi_modal")):
                continue
            name = gguf_files.rename(VISION, key)
            if name == "v.position_embd.gate":
                state[name], state["v.tile_position_embd.gate"] = (1 - tensor.double().tanh()).float(), tensor.double().tanh().float()
            elif name.endswith("gate"):
                state[name] = tensor.double().tanh().float()
            elif "attn_q.weight" in name or "attn_k.weight" in name:
                state[name] = gguf_files._interleave(tensor, 4)
            else:
                state[name] = tensor
        return state

    def text_state(self):
        state = {}
        for key, tensor in self.model.state_dict().items():
            for part, heads in (("cross_attn.q_proj", 4), ("cross_attn.k_proj", 2), ("self_attn.q_proj", 4), ("self_attn.k_proj", 2)):
                if part in key and "language_model" in key:
                    tensor = gguf_files._interleave(tensor, heads)
            state[key] = tensor
        state["model.language_model.rope_freqs.weight"] = self.rope_factors()
        return state

    def rope_factors(self):
        """ggml-org/llama.cpp: conversion of rope_type llama3: what each frequency is divided by."""
        plain = 1.0 / 500000.0 ** (torch.arange(0, 16, 2, dtype=torch.float32) / 16)
        return plain / self.model.model.language_model.rotary_emb.inv_freq

    VISION_KEYS = {"block_count": 4, "global.block_count": 2, "intermediate_layers_indices": INTERMEDIATE, "embedding_length": 64,
                   "feed_forward_length": 128, "attention.head_count": 4, "attention.layer_norm_epsilon": 1e-5, "image_size": TILE,
                   "patch_size": PATCH, "max_num_tiles": MOST_TILES, "num_channels": 3}

    def export(self, folder):
        writer = gguf.GGUFWriter(folder / "mmproj-f16.gguf", arch="clip")
        for key, value in {"clip.has_vision_encoder": True, "clip.projector_type": "mllama", "clip.vision.image_mean": list(preprocess.CLIP_MEAN),
                           "clip.vision.image_std": list(preprocess.CLIP_STD),
                           **{f"mllama.vision.{key}": value for key, value in self.VISION_KEYS.items()}}.items():
            gguf_files._add_key(writer, key, value)
        for name, tensor in self.vision_state().items():
            gguf_files._add(writer, name, tensor)
        gguf_files._finish(writer)
        keys = {"attention.cross_attention_layers": CROSS}
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, "mllama", keys, self.text_state(), TEXT)
        # Ollama's release: one file, tensors of both, keys of both under one name.
        add, finish = gguf_files._add, gguf_files._finish
        def whole(writer):
            for key, value in self.VISION_KEYS.items():
                gguf_files._add_key(writer, f"mllama.vision.{key}", value)
            for name, tensor in self.vision_state().items():
                add(writer, name, tensor)
            finish(writer)
        gguf_files._finish = whole
        gguf_files.write_language(folder / "ollama-f16.gguf", self.name, self.model, self.vocabulary, "mllama", keys, self.text_state(), TEXT)
        gguf_files._finish = finish

    def make(self, images, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build()
        self.images = {name: images[name] for name in self.picture_names}
        self.export(folder)
        entries = {name: self.show(folder, name, image) for name, image in self.images.items()}
        media, chat = reference.MEDIA, CHAT
        wanted = [(f"{p}.raw", [f"{media}{q}" for q in QUESTIONS], [p]) for p in self.picture_names]
        wanted += [(f"{p}.chat", [chat.format(media + q) for q in QUESTIONS], [p]) for p in ("shapes", "wide", "small")]
        wanted += [("pair.raw", [f"A {media} and {media}? {q}" for q in QUESTIONS], ["shapes", "dark"]),
                   ("neighbours.raw", [f"Both: {media}{media}{q}" for q in QUESTIONS], ["shapes", "wide"]),
                   ("late.chat", [chat.format(q) + "It is a tile.<|eot_id|>" + chat.format(media + q) for q in QUESTIONS], ["shapes"]),
                   ("text.raw", QUESTIONS, []), ("text.chat", [chat.format(q) for q in QUESTIONS], [])]
        runs = [self.ask(folder, *one) for one in wanted]
        files = {p.stem: {"file": p.name, "sha256": store.digest(p)} for p in sorted(folder.glob("*.gguf"))}
        store.write_manifest(folder, {"case": self.name, "about": self.about, "seed": self.seed, "versions": store.versions(), "memory": True,
                                      "models": files, "image_size": TILE, "patch_size": PATCH, "steps": reference.STEPS, "pictures": entries,
                                      "runs": runs})


if __name__ == "__main__":
    torch.set_num_threads(1)
    case = Mllama()
    case.make(pictures.draw(HERE.parent / "pictures"), HERE / case.name)
