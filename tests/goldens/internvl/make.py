"""Goldens of InternVL from transformers' InternVLForConditionalGeneration with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import numpy as np
import torch
import transformers

import gguf_files
import internlm2
import reference
import tiles
import video
import vocabularies
from golden_case import GoldenCase, main

TOWER = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, hidden_act="gelu", layer_norm_eps=1e-6)
INTERNVIT_300M = dict(TOWER, norm_type="layer_norm", attention_bias=True, use_qk_norm=False)
INTERNVIT_6B = dict(TOWER, norm_type="rms_norm", attention_bias=False, use_qk_norm=True)
CHATML = ("<|im_start|>system\n你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。<|im_end|>\n"
          "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n")
# phi3-chat without the newline behind each tag, which Phi-3's tokenizer drops (its added tokens are rstrip).
PHI3 = ("<|system|>你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。<|end|>"
        "<|user|>{}<|end|><|assistant|>")
# ggml-org/llama.cpp v0.5.0: what conversion/internvl.py and gguf-py/gguf/tensor_mapping.py make of the names.
NAMES = [("vision_tower.embeddings.cls_token", "v.class_embd"), ("vision_tower.embeddings.patch_embeddings.projection", "v.patch_embd"),
         ("vision_tower.embeddings.position_embeddings", "v.position_embd.weight"), ("vision_tower.encoder.layer", "v.blk"),
         ("attention.projection_layer", "attn_out"), ("attention.q_proj", "attn_q"), ("attention.k_proj", "attn_k"),
         ("attention.v_proj", "attn_v"), ("attention.q_norm", "attn_q_norm"), ("attention.k_norm", "attn_k_norm"),
         ("layernorm_before", "ln1"), ("layernorm_after", "ln2"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down"),
         ("lambda_1", "ls1.weight"), ("lambda_2", "ls2.weight"), ("multi_modal_projector.layer_norm", "mm.model.mlp.0"),
         ("multi_modal_projector.linear_1", "mm.model.mlp.1"), ("multi_modal_projector.linear_2", "mm.model.mlp.3")]


class InternVl(GoldenCase):
    tower, text_type, architecture = INTERNVIT_300M, "llama", None
    image_size, patch_size, prompts = 28, 7, reference.wordings(chat=CHATML)
    least_tiles, most_tiles, tile_keys = 1, 12, {}
    column_order = fused = False
    picture_names = ("native", "tall", "small", "page", "shapes", "dark", "wide")

    def config(self, vision, text):
        text = dict(text, model_type=self.text_type, pad_token_id=0, rope_parameters={"rope_type": "default", "rope_theta": 1e6})
        tower = dict(self.tower, image_size=[self.image_size] * 2, patch_size=[self.patch_size] * 2)
        return transformers.InternVLForConditionalGeneration, transformers.InternVLConfig(
            vision_config=tower, text_config=text, image_token_id=self.placeholder, downsample_ratio=0.5, projector_hidden_act="gelu",
            image_seq_length=(self.image_size // self.patch_size) ** 2 // 4, tie_word_embeddings=False, attn_implementation="eager")

    def adapt(self, model):
        if self.column_order:
            in_rows = model.model.pixel_shuffle
            model.model.pixel_shuffle = lambda features, scale_factor: in_rows(features, scale_factor).permute(0, 2, 1, 3).contiguous()     # ps_version v1
        return model

    def surroundings(self, picture, index):
        return [vocabularies.BEGIN, reference.WHOLE, vocabularies.END]

    def prepare(self, image):
        pixels, facts = tiles.slices(image, self.image_size, self.least_tiles, self.most_tiles)
        tiles.check_against_transformers(image, pixels, self.image_size, self.least_tiles, self.most_tiles)
        return {"original": pixels}, facts

    @torch.no_grad()
    def encode(self, pixels, image):
        features = self.model.model.vision_tower(torch.from_numpy(pixels)).last_hidden_state[:, 1:]
        return features, self.model.model.get_image_features(torch.from_numpy(pixels)).pooler_output.flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate(pixels))).logits[0, -1]

    def export(self, folder):
        state = {name.removeprefix("model."): tensor for name, tensor in self.model.state_dict().items()}
        tensors = {gguf_files.rename(NAMES, name): tensor for name, tensor in state.items() if name.startswith(("vision_tower", "multi_modal"))}
        for name in ("v.class_embd", "v.position_embd.weight"):
            tensors[name] = tensors[name].squeeze()
        if self.fused:
            tensors = gguf_files.fuse(tensors)
        keys = {"clip.projector_type": "internvl", "clip.use_gelu": True, "clip.vision.block_count": TOWER["num_hidden_layers"],
                "clip.vision.projection_dim": 64, "clip.vision.projector.scale_factor": 2, **self.tile_keys}
        config = types.SimpleNamespace(**self.tower, image_size=self.image_size, patch_size=self.patch_size)
        gguf_files.write_vision(folder / "mmproj-f16.gguf", config, tensors, keys, tiles.MEAN, tiles.STD, full=["v.position_embd.weight"])
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, self.architecture)
        return {}


class InternVl25(InternVl):
    name, seed, image_size, patch_size, vocabulary_type = "internvl-2.5", 61, 56, 14, vocabularies.Qwen2Vocabulary
    about = "InternVL 2.5 and 3: InternViT-300M, Qwen2; at most 6 tiles by key"
    text_type, most_tiles, tile_keys = "qwen2", 6, {"clip.vision.preproc_min_tiles": 1, "clip.vision.preproc_max_tiles": 6}
    picture_names = (*InternVl.picture_names, "line")


class InternVl15(InternVl):
    name, seed, vocabulary_type, tower = "internvl-1.5", 62, vocabularies.InternLm2Vocabulary, INTERNVIT_6B
    about = "InternVL 1.5: InternViT-6B (RMS norm, q/k norm over the whole width, no q/k/v bias), InternLM2; 12 tiles by default"
    architecture = "internlm2"

    def class_logits(self, ids, pixels, images):
        """Also by InternLM2's own forward, on the same embeddings."""
        theirs = super().class_logits(ids, pixels, images)
        inputs = self.model.get_input_embeddings()(ids[0]).clone()
        inputs[ids[0] == self.placeholder] = self.model.model.get_image_features(torch.from_numpy(np.concatenate(pixels))).pooler_output.flatten(0, 1)
        assert (internlm2.last_logits(self.model, inputs) - theirs).abs().max() < 1e-4, "InternLM2's own forward gives other logits"
        return theirs


class InternVl2Phi3(InternVl):
    name, seed, vocabulary_type, prompts = "internvl-2-4b", 103, vocabularies.Phi3Vocabulary, reference.wordings(chat=PHI3)
    about = "InternVL 2 4B: Phi-3; and the older, column by column shuffle of InternVL-Chat 1.2 (one file for both)"
    text_type, column_order, tile_keys = "phi3", True, {"clip.vision.projector.token_order": "column"}
    picture_names = ("native", "tall", "small", "shapes", "dark")


class InternVlLlama3(InternVl):
    name, seed, vocabulary_type, tower = "internvl-llama3", 64, vocabularies.Llama3Vocabulary, INTERNVIT_6B
    about = "InternVL 2 Llama3: InternViT-6B with fused q/k/v, Llama 3; 2 to 4 tiles"
    fused, least_tiles, most_tiles = True, 2, 4
    tile_keys = {"clip.vision.preproc_min_tiles": 2, "clip.vision.preproc_max_tiles": 4}
    picture_names = ("native", "tall", "small", "shapes", "dark")


if __name__ == "__main__":
    cases = [InternVl25(), InternVl15(), InternVl2Phi3(), InternVlLlama3()]
    main(cases, HERE, sys.argv[1:])
    if sys.argv[1:] in ([], ["video"]):
        video.main(HERE, cases)
