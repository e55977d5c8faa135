"""Goldens of Cambrian-1 from the authors' code with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import gguf
import numpy as np
import torch
import transformers

import gguf_files
import model as cambrian
import preprocess
import reference
import store
from golden_case import GoldenCase, main
from vocabulary import BytePairVocabulary

HALF, IMAGENET_MEAN, IMAGENET_STD = (0.5, 0.5, 0.5), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = (100, 84, 98, 64)                                       # SigLIP's leaves a margin beside its patches, as 384 does beside 27 of 14
TOKENS = (36, 36, 36, 144)
NAMES = ("siglip", "clip", "dinov2", "convnext")
SIGLIP = dict(image_size=SIZES[0], patch=14, width=64, depth=2, heads=4, inner=96)
CONVNEXT = dict(depths=(1, 2, 2, 1), widths=(16, 24, 32, 48), eps=1e-5)
# cambrian/conversation.py, conv_llama_3: no newlines behind the headers.
SYSTEM = ("You are Cambrian, a highly intelligent multimodal AI trained by NYU Vision X. \n    As a multimodal AI, you have the ability to process and analyze images. "
          "Whenever an image is present in the conversation, very carefully examine it and consider its content when formulating your response.\n    You should give concise "
          "responses to very simple questions, but provide thorough responses to more complex and open-ended questions. ")
CHAT = (f"<|start_header_id|>system<|end_header_id|>{SYSTEM}<|eot_id|><|start_header_id|>user<|end_header_id|>" + "{}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>")
SAMPLER = [("layers.0.", ""), ("proj_context", "context"), ("proj_in", "in"), ("proj_out.linear_1", "up"), ("proj_out.linear_2", "down"), ("cross_attn.q_proj.0", "q_norm"),
           ("cross_attn.q_proj.1", "q"), ("cross_attn.o_proj", "out"), *((f"cross_attn.{part}_proj_{i}.{layer}", f"{part}{'_norm' if layer == 0 else ''}.{i}")
                                                                        for part in "kv" for i in range(4) for layer in range(2)),
           *((f"pos_embed_{i}", f"pos.{i}") for i in range(4))]
DINO = [("embeddings.cls_token", "class_embd"), ("embeddings.patch_embeddings.projection", "patch_embd"), ("embeddings.position_embeddings", "position_embd.weight"),
        ("encoder.layer.", "blk."), ("attention.attention.query", "attn_q"), ("attention.attention.key", "attn_k"), ("attention.attention.value", "attn_v"),
        ("attention.output.dense", "attn_out"), ("norm1", "ln1"), ("norm2", "ln2"), ("layer_scale1.lambda1", "ls1.weight"), ("layer_scale2.lambda1", "ls2.weight"),
        ("mlp.weights_out", "ffn_down"), ("layernorm", "post_ln")]
TIMM = [("patch_embed.proj", "patch_embd"), ("pos_embed", "position_embd.weight"), ("blocks.", "blk."), ("norm1", "ln1"), ("norm2", "ln2"), ("attn.qkv", "attn_qkv"),
        ("attn.proj", "attn_out"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
STAGES = [("stem.0", "patch_embd"), ("stem.1", "pre_ln"), ("stages.", "stage."), ("downsample.0", "down_norm"), ("downsample.1", "down_conv"), ("blocks.", "blk."),
          ("conv_dw", "conv_dw"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down"), ("gamma", "ls.weight"), (".norm.", ".ln.")]


class CambrianVocabulary(BytePairVocabulary):
    specials = BytePairVocabulary.specials + ["<|start_header_id|>", "<|end_header_id|>"]
    eos_text, placeholder_text = "<|eot_id|>", "<|end_of_text|>"


class CambrianCase(GoldenCase):
    name, seed, vocabulary_type, image_size, patch_size = "cambrian-8b", 601, CambrianVocabulary, SIZES[1], 14
    about = "Cambrian-1: four towers, the spatial vision aggregator before the language model and behind two of its layers; rows unpadded, newlines"
    prompts = reference.wordings(llama3=CHAT)
    picture_names = ("native", "wide", "tall", "page", "shapes", "dark")
    largest_pixels = 0
    samplers, start, stride = 2, 0, 2

    def config(self, vision, text):
        self.clip = transformers.CLIPVisionConfig(**{**vision, "image_size": SIZES[1], "num_hidden_layers": 3}, attn_implementation="eager")
        self.dino = transformers.Dinov2Config(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=56, patch_size=14, use_swiglu_ffn=True,
                                              attn_implementation="eager")
        self.settings = types.SimpleNamespace(siglip=SIGLIP, clip=self.clip, dino=self.dino, convnext=CONVNEXT, tokens=TOKENS, vision_hidden_size=32, image_token_len=36,
                                              connector_depth=2, samplers=self.samplers, start=self.start, stride=self.stride)
        return lambda made: cambrian.Cambrian(self.settings, made), transformers.LlamaConfig(
            **{**text, "num_hidden_layers": 4}, attn_implementation="eager", rope_parameters=dict(rope_type="default", rope_theta=500000.0))

    def prepare(self, image):
        """mm_utils.py, process_images: a square of the processor's mean colour, which is CLIP's where open_clip's transform is wrapped; PIL's default filter, which
        is bicubic; then a processor that finds nothing to resize or crop."""
        made = []
        for size, pad, mean, std in zip(SIZES, (preprocess.CLIP_MEAN, preprocess.CLIP_MEAN, IMAGENET_MEAN, preprocess.CLIP_MEAN),
                                        (HALF, preprocess.CLIP_MEAN, IMAGENET_MEAN, preprocess.CLIP_MEAN), (HALF, preprocess.CLIP_STD, IMAGENET_STD, preprocess.CLIP_STD)):
            square = preprocess.expand_to_square(image, tuple(int(x * 255) for x in pad))
            made.append(preprocess.normalise(preprocess.resize(square, (size, size)), mean, std))
        return {"original": np.concatenate([pixels.ravel() for pixels in made])}, {}

    @torch.no_grad()
    def look(self, pixels, image):
        parts, first = [], 0
        for size in SIZES:
            parts.append(torch.from_numpy(pixels[first:first + 3 * size * size].reshape(1, 3, size, size)))
            first += 3 * size * size
        return self.model.prepare(parts, (image.width, image.height))

    def encode(self, pixels, image):
        features, rows, seen = self.look(pixels, image)
        return torch.cat([x[0] for x in features]).numpy(), self.model.wide(rows, seen)

    def entering(self, embeddings):
        return embeddings[:, :self.model.config.text_config.hidden_size].numpy()

    def _entry(self, folder, name, file, image, made):
        entry = super()._entry(folder, name, file, image, made)
        beside = self.embeddings[name][:, self.model.config.text_config.hidden_size:].numpy()
        return {**entry, "beside": store.save(folder, f"{name}.beside", beside)}

    @torch.no_grad()
    def class_logits(self, ids, pixels, images):
        rows = self.model.model.language_model.embed_tokens(ids)[0].clone()
        seen, places = [self.look(*pair) for pair in zip(pixels, images)], (ids[0] == self.placeholder).nonzero()[:, 0].tolist()
        pictures = []
        for _, own, look in seen:
            place, places = places[0], places[len(own):]
            rows[place:place + len(own)] = own
            pictures.append((place, look))
        return self.model.logits(rows[None], pictures)[0]

    def more(self, folder):
        return {"beside": True}

    def tower_tensors(self):
        tensors = {}
        for i, (tower, names) in enumerate(((self.model.siglip, TIMM), (self.model.clip, gguf_files.TOWER + gguf_files.STRAIGHT), (self.model.dino, DINO),
                                            (self.model.convnext, STAGES))):
            for name, tensor in tower.state_dict().items():
                own = gguf_files.rename(names, name).removeprefix("v.")
                if "position_ids" in name or "mask_token" in name or i == 1 and ("post_ln" in own or own.startswith("v.blk.2.") or own.startswith("blk.2.")):
                    continue
                own = "post_ln" + own.removeprefix("norm") if i == 0 and own.startswith("norm.") else own
                if "mlp.weights_in" in own:
                    for part, half in zip(("ffn_gate", "ffn_up"), tensor.chunk(2)):
                        tensors[f"v.{i}.{own.replace('mlp.weights_in', part)}"] = half
                    continue
                if own == "position_embd.weight":
                    tensor = self.stretched(tensor[0]) if i == 2 else tensor.squeeze(0)
                elif own == "class_embd":
                    tensor = tensor.flatten()
                elif "down_conv.weight" in own:                        # a matrix over the channels of a square's cells, row by row
                    tensor = tensor.permute(0, 2, 3, 1).flatten(1)
                tensors[f"v.{i}.{own}"] = tensor
        return tensors

    @staticmethod
    def stretched(table):
        """Dinov2Embeddings.interpolate_pos_encoding, transformers 5.12."""
        old, new = int((len(table) - 1) ** 0.5), SIZES[2] // 14
        grid = table[1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
        grid = torch.nn.functional.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
        return torch.cat([table[:1], grid.permute(0, 2, 3, 1).reshape(new * new, -1)])

    def export(self, folder):
        writer, add_key = gguf.GGUFWriter(folder / "mmproj-f16.gguf", arch="clip"), gguf_files._add_key
        common = [("siglip", SIZES[0], 14, 64, 96, 4, 2, 1e-6, "gelu", preprocess.CLIP_MEAN, HALF, HALF),
                  ("clip", SIZES[1], 14, 64, 128, 4, 2, self.clip.layer_norm_eps, "quick_gelu", preprocess.CLIP_MEAN, preprocess.CLIP_MEAN, preprocess.CLIP_STD),
                  ("dinov2", SIZES[2], 14, 64, 176, 4, 2, 1e-6, "silu", IMAGENET_MEAN, IMAGENET_MEAN, IMAGENET_STD)]
        writer.add_bool("clip.has_vision_encoder", True)
        writer.add_string("clip.projector_type", "cambrian_sva")
        writer.add_uint32("clip.vision.tower_count", 4)
        writer.add_uint32("clip.vision.projection_dim", 64)
        writer.add_uint32("clip.vision.sampler.query_side", 6)
        writer.add_uint32("clip.vision.sampler.head_count", cambrian.HEADS)
        for i, (kind, size, patch, width, inner, heads, blocks, eps, activation, pad, mean, std) in enumerate(common):
            for key, value in {"type": kind, "image_size": size, "patch_size": patch, "embedding_length": width, "feed_forward_length": inner, "attention.head_count": heads,
                               "block_count": blocks, "attention.layer_norm_epsilon": eps, "activation": activation, "pad_mean": list(pad), "image_mean": list(mean),
                               "image_std": list(std), "token_side": int(TOKENS[i] ** 0.5)}.items():
                add_key(writer, f"clip.vision.{i}.{key}", value)
        for key, value in {"type": "convnext", "image_size": SIZES[3], "patch_size": 4, "embedding_length": list(CONVNEXT["widths"]), "block_count": list(CONVNEXT["depths"]),
                           "attention.layer_norm_epsilon": CONVNEXT["eps"], "pad_mean": list(preprocess.CLIP_MEAN), "image_mean": list(preprocess.CLIP_MEAN),
                           "image_std": list(preprocess.CLIP_STD), "token_side": 12}.items():
            add_key(writer, f"clip.vision.3.{key}", value)
        for name, tensor in self.tower_tensors().items():
            full = [name] if name.endswith(("position_embd.weight", "conv_dw.weight")) else ()
            gguf_files._add(writer, name, tensor, full=full)
        own = self.model.model.state_dict()
        for name, tensor in own.items():
            if name.startswith("mm_projector_aux_"):
                gguf_files._add(writer, "mm.aux." + name.removeprefix("mm_projector_aux_"), tensor)
            elif name.startswith("mm_projector."):
                gguf_files._add(writer, name.replace("mm_projector", "mm"), tensor)
            elif name.startswith("vision_sampler_0.layers."):
                layer, rest = name.removeprefix("vision_sampler_0.layers.").split(".", 1)
                gguf_files._add(writer, f"sva.{layer}.{gguf_files.rename(SAMPLER[1:], rest)}", tensor)
        gguf_files._add(writer, "sva.query", own["vision_query"][0])
        gguf_files._add(writer, "v.image_newline", own["image_newline"])
        gguf_files._finish(writer)
        state = {key: tensor for key, tensor in self.model.state_dict().items() if "language_model" in key or key.startswith("lm_head")}
        for k in range(self.samplers):
            for key, tensor in own.items():
                if key.startswith(f"vision_sampler_layers.{k}."):
                    name = gguf_files.rename(SAMPLER, key.removeprefix(f"vision_sampler_layers.{k}."))
                    state[f"language_model.blk.{self.start + k * self.stride}.sampler.{name}"] = tensor
        for key in [key for key in state if ".q_proj." in key or ".k_proj." in key]:
            state[key] = gguf_files._interleave(state[key], 4 if "q_proj" in key else 2)
        keys = {"sampler.block_count": self.samplers, "sampler.start": self.start, "sampler.stride": self.stride, "sampler.head_count": cambrian.HEADS,
                "sampler.embedding_length": self.settings.vision_hidden_size, "sampler.window_sides": self.model.sizes}
        names = [("language_model.blk.", "blk."), *gguf_files.LANGUAGE]
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, "cambrian", keys, state, names)
        return {}


if __name__ == "__main__":
    main([CambrianCase()], HERE, sys.argv[1:])
