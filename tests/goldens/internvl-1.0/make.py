"""Goldens of InternVL 1.0's chat models (OpenGVLab/InternVL, internvl_chat_llava) with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import numpy as np
import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers.models.internvl.modeling_internvl import InternVLVisionConfig, InternVLVisionModel

import gguf_files
import preprocess
import reference
from golden_case import GoldenCase, main
from qllama import QLlama
from vocabulary import SentencePieceVocabulary

TABLE, SIDE, PATCH = 56, 84, 14                         # the tower's own size, and the size that LLaVA's code gives it
VISION = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=5, num_attention_heads=4, hidden_act="gelu", layer_norm_eps=1e-6, norm_type="rms_norm",
              attention_bias=False, use_qk_norm=True)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NAMES = [("embeddings.cls_token", "v.class_embd"), ("embeddings.patch_embeddings.projection", "v.patch_embd"), ("embeddings.position_embeddings", "v.position_embd.weight"),
         ("encoder.layer", "v.blk"), ("attention.projection_layer", "attn_out"), ("attention.q_proj", "attn_q"), ("attention.k_proj", "attn_k"), ("attention.v_proj", "attn_v"),
         ("attention.q_norm", "attn_q_norm"), ("attention.k_norm", "attn_k_norm"), ("layernorm_before", "ln1"), ("layernorm_after", "ln2"), ("mlp.fc1", "ffn_up"),
         ("mlp.fc2", "ffn_down"), ("lambda_1", "ls1.weight"), ("lambda_2", "ls2.weight")]


class InternVl1(nn.Module):
    """LLaVA's parts with InternViT-6B in CLIP's place."""

    def __init__(self, text):
        super().__init__()
        self.model = nn.Module()
        config = InternVLVisionConfig(**VISION, image_size=[TABLE] * 2, patch_size=[PATCH] * 2)
        config._attn_implementation = "eager"
        self.model.vision_tower, self.model.language_model = InternVLVisionModel(config), transformers.LlamaModel(text)
        self.model.multi_modal_projector = nn.Sequential(nn.Linear(VISION["hidden_size"], text.hidden_size), nn.GELU(), nn.Linear(text.hidden_size, text.hidden_size))
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.config = types.SimpleNamespace(text_config=text, vision_config=config)

    def get_input_embeddings(self):
        return self.model.language_model.embed_tokens

    def states(self, pixels):
        """modeling_intern_vit.py: InternVisionEmbeddings with _get_pos_embed, and all hidden states."""
        tower, side = self.model.vision_tower, TABLE // PATCH
        patches = tower.embeddings.patch_embeddings.projection(pixels)
        count, _, rows, columns = patches.shape
        table = tower.embeddings.position_embeddings
        square = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        resized = functional.interpolate(square, size=(rows, columns), mode="bicubic", align_corners=False).reshape(1, -1, rows * columns).permute(0, 2, 1)
        x = torch.cat([tower.embeddings.cls_token.expand(count, -1, -1), patches.flatten(2).transpose(1, 2)], dim=1) + torch.cat([table[:, :1], resized], dim=1)
        states = [x]
        for layer in tower.encoder.layer:
            x = layer(states[-1])
            states.append(x[0] if isinstance(x, tuple) else x)
        return states

    def features(self, pixels, select_layer):
        """clip_encoder.py, feature_select: patch."""
        return self.states(pixels)[select_layer][:, 1:]


class InternVl10(GoldenCase):
    name, seed, vocabulary_type, image_size, patch_size = "internvl-1.0", 501, SentencePieceVocabulary, SIDE, PATCH
    about = "InternVL 1.0 as released for chat: InternViT-6B of 224 pixels at 336 in LLaVA's code, the state before the last three blocks; Vicuna"
    picture_names, select_layer, largest_pixels = ("tall", "shapes", "dark"), -4, 60_000

    def config(self, vision, text):
        return InternVl1, transformers.LlamaConfig(**text, attn_implementation="eager")

    def prepare(self, image):
        return {"original": preprocess.llava_original(image, SIDE, "pad", MEAN, STD)}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        features = self.model.features(torch.from_numpy(pixels), self.select_layer)
        return features, self.model.model.multi_modal_projector(features).flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        embedded = self.model.get_input_embeddings()(ids)[0].clone()
        embedded[ids[0] == self.placeholder] = torch.cat([self.encode(part, None)[1] for part in pixels])
        return self.model.lm_head(self.model.model.language_model(inputs_embeds=embedded[None]).last_hidden_state[0, -1])

    def export(self, folder):
        used = VISION["num_hidden_layers"] + 1 + self.select_layer
        tensors = {gguf_files.rename(NAMES, name): tensor for name, tensor in self.model.model.vision_tower.state_dict().items()}
        tensors = {name: tensor.squeeze() if name in ("v.class_embd", "v.position_embd.weight") else tensor for name, tensor in tensors.items()
                   if not (name.startswith("v.blk.") and int(name.split(".")[2]) >= used)}
        for layer in (0, 2):
            for kind in ("weight", "bias"):
                tensors[f"mm.{layer}.{kind}"] = getattr(self.model.model.multi_modal_projector[layer], kind)
        keys = {"clip.projector_type": "mlp", "clip.use_gelu": True, "clip.vision.block_count": used, "clip.vision.projection_dim": 64,
                "clip.vision.image_aspect_ratio": "pad"}
        config = types.SimpleNamespace(**VISION, image_size=SIDE, patch_size=PATCH)
        gguf_files.write_vision(folder / "mmproj-f16.gguf", config, tensors, keys, MEAN, STD, full=["v.position_embd.weight"])
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}


QLLAMA = dict(hidden_size=96, intermediate_size=144, num_hidden_layers=3, num_attention_heads=3, rms_norm_eps=1e-6)
QUERIES = 10
QLLAMA_NAMES = [("layers.", "qllama.blk."), ("cross_attn.norm1", "xattn_norm"), ("cross_attn.norm2", "xattn_norm_kv"), ("cross_attn.o_proj", "xattn_out"), ("cross_attn.q_proj", "xattn_q"),
                ("cross_attn.k_proj", "xattn_k"), ("cross_attn.v_proj", "xattn_v"), ("self_attn.o_proj", "attn_out"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
                ("self_attn.v_proj", "attn_v"), ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
                ("mlp.down_proj", "ffn_down")]


class InternVl14B(InternVl1):
    """The same with InternVL-14B: QLLaMA's queries beside the patches."""

    def __init__(self, text):
        super().__init__(text)
        del self.model.multi_modal_projector
        self.model.qllama, self.model.query_tokens = QLlama(QLLAMA, VISION["hidden_size"]), nn.Parameter(torch.zeros(1, QUERIES, QLLAMA["hidden_size"]))
        mlp = lambda inputs: nn.Sequential(nn.Linear(inputs, text.hidden_size), nn.GELU(), nn.Linear(text.hidden_size, text.hidden_size))
        self.model.mm_projector = nn.ModuleDict({"mlp1": mlp(VISION["hidden_size"]), "mlp2": mlp(QLLAMA["hidden_size"])})

    def rows(self, pixels, select_layer):
        """modeling_internvl.py, forward; clip_encoder.py; multimodal_projector/builder.py, TwoMLP."""
        states = self.states(pixels)
        features = states[select_layer][:, 1:]
        queries = self.model.qllama(self.model.query_tokens.repeat(len(pixels), 1, 1), states[-1])
        return features, torch.cat([self.model.mm_projector["mlp2"](queries), self.model.mm_projector["mlp1"](features)], dim=1)


class InternVlQueries(InternVl10):
    name, seed = "internvl-1.0-qllama", 502
    about = "InternVL 1.0 with InternVL-14B's tower: QLLaMA's queries, which look at the last state with its class token, before the patches of an earlier one"
    picture_names, qllama = ("tall", "native", "shapes", "dark"), QLLAMA

    def config(self, vision, text):
        return InternVl14B, transformers.LlamaConfig(**text, attn_implementation="eager")

    @torch.no_grad()
    def encode(self, pixels, image):
        features, rows = self.model.rows(torch.from_numpy(pixels), self.select_layer)
        return features, rows.flatten(0, 1)

    def tower_tensors(self):
        tensors = {gguf_files.rename(NAMES, name): tensor for name, tensor in self.model.model.vision_tower.state_dict().items()}
        tensors = {name: tensor.squeeze() if name in ("v.class_embd", "v.position_embd.weight") else tensor for name, tensor in tensors.items()}
        tensors.update({gguf_files.rename(QLLAMA_NAMES, name): tensor for name, tensor in self.model.model.qllama.state_dict().items()})
        tensors["qllama.norm.weight"], tensors["qllama.query"] = tensors.pop("norm.weight"), self.model.model.query_tokens[0]
        for mlp, prefix in (("mlp1", "mm"), ("mlp2", "mm.query")):
            tensors.update({f"{prefix}.{name}": tensor for name, tensor in self.model.model.mm_projector[mlp].state_dict().items()})
        return tensors

    def export(self, folder):
        keys = {"clip.projector_type": "qllama", "clip.use_gelu": True, "clip.vision.block_count": VISION["num_hidden_layers"], "clip.vision.projection_dim": 64,
                "clip.vision.image_aspect_ratio": "pad", "clip.vision.patch_layer": VISION["num_hidden_layers"] + 1 + self.select_layer,
                "clip.qllama.attention.head_count": QLLAMA["num_attention_heads"], "clip.qllama.attention.layer_norm_rms_epsilon": QLLAMA["rms_norm_eps"]}
        config = types.SimpleNamespace(**VISION, image_size=SIDE, patch_size=PATCH)
        gguf_files.write_vision(folder / "mmproj-f16.gguf", config, self.tower_tensors(), keys, MEAN, STD, full=["v.position_embd.weight"])
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}


if __name__ == "__main__":
    main([InternVl10(), InternVlQueries()], HERE, sys.argv[1:])
