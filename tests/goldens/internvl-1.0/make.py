"""Goldens of InternVL 1.0's chat models (OpenGVLab/InternVL, internvl_chat_llava) with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

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
        self.model.multi_modal_projector = nn.Sequential(nn.Linear(64, text.hidden_size), nn.GELU(), nn.Linear(text.hidden_size, text.hidden_size))
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.config = types.SimpleNamespace(text_config=text, vision_config=config)

    def get_input_embeddings(self):
        return self.model.language_model.embed_tokens

    def features(self, pixels, select_layer):
        """modeling_intern_vit.py: InternVisionEmbeddings with _get_pos_embed, and hidden_states[select_layer]; the class token left out."""
        tower, side = self.model.vision_tower, TABLE // PATCH
        patches = tower.embeddings.patch_embeddings.projection(pixels)
        count, _, rows, columns = patches.shape
        table = tower.embeddings.position_embeddings
        square = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        resized = functional.interpolate(square, size=(rows, columns), mode="bicubic", align_corners=False).reshape(1, -1, rows * columns).permute(0, 2, 1)
        x = torch.cat([tower.embeddings.cls_token.expand(count, -1, -1), patches.flatten(2).transpose(1, 2)], dim=1) + torch.cat([table[:, :1], resized], dim=1)
        for layer in tower.encoder.layer[:len(tower.encoder.layer) + 1 + select_layer]:
            x = layer(x)
            x = x[0] if isinstance(x, tuple) else x
        return x[:, 1:]


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


if __name__ == "__main__":
    main([InternVl10()], HERE, sys.argv[1:])
