"""Goldens of GLM-4V-9B from the authors' modules with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import numpy as np
import torch
import transformers

import gguf_files
import model as glm
import preprocess
import reference
from golden_case import GoldenCase, main
from vocabulary import BytePairVocabulary

VISION = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_heads=4, num_attention_heads=4, layer_norm_eps=1e-6, scaling_factor=8.0)
# tokenization_chatglm.py: build_single_message writes the role, a newline and the picture's three tokens before the message.
CHAT = "[gMASK]<sop><|user|>\n{}<|assistant|>"
NAMES = [("patch_embedding.proj", "v.patch_embd"), ("patch_embedding.cls_embedding", "v.class_embd"), ("patch_embedding.position_embedding", "v.position_embd"),
         ("transformer.layers", "v.blk"), ("input_layernorm", "ln1"), ("post_attention_layernorm", "ln2"), ("attention.query_key_value", "attn_qkv"),
         ("attention.dense", "attn_out"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down"), ("linear_proj.linear_proj", "adapter.linear.linear"),
         ("linear_proj.gate_proj", "adapter.linear.gate"), ("linear_proj.", "adapter.linear.")]


class GlmVocabulary(BytePairVocabulary):
    """GLM-4's special tokens; no start token."""
    pre, adds_bos, whole_words_first = "chatglm-bpe", False, False
    specials = ["<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>",
                "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>"]
    bos_text, eos_text, placeholder_text = None, "<|endoftext|>", "<|end_of_video|>"


def free_positions(state, config):
    """GLM's language model as llama.cpp's qwen2vl, whose rotary positions stand apart from the order of rows: the rotated half of a head's
    channels becomes the first quarter and the third, as Qwen2 pairs them, on the second of four axes; the other half is on the fourth, always 0."""
    head, turned = config.head_dim, config.head_dim // 4                       # channels, and pairs that turn
    order = [*range(0, 2 * turned, 2), *range(2 * turned, 3 * turned), *range(1, 2 * turned, 2), *range(3 * turned, head)]
    named = {}
    for name, tensor in state.items():
        if ".q_proj." in name or ".k_proj." in name:
            tensor = tensor.unflatten(0, (-1, head))[:, order].flatten(0, 1)
        if ".gate_up_proj." in name:
            named[name.replace("gate_up_proj", "gate_proj")], named[name.replace("gate_up_proj", "up_proj")] = tensor.chunk(2)
        else:
            named[name] = tensor
    return named


class Glm4vCase(GoldenCase):
    name, seed, vocabulary_type, image_size, patch_size = "glm-4v", 301, GlmVocabulary, 84, 14
    about = "GLM-4V-9B: EVA2-CLIP-E (norms behind attention and feed-forward), 2 x 2 convolution, gated connector, begin and end embeddings; GLM-4, patches at one position"
    picture_names = ("native", "tall", "small", "shapes", "dark", "wide", "line")
    prompts = {"raw": reference.MEDIA + "{}", "chat": CHAT.format(reference.MEDIA + "{}")}
    largest_pixels = 60_000

    def config(self, vision, text):
        side = self.image_size // self.patch_size
        self.vision = types.SimpleNamespace(**VISION, image_size=self.image_size, patch_size=self.patch_size, num_positions=side * side + 1)
        language = transformers.GlmConfig(**{**text, "head_dim": 16, "attention_bias": True, "pad_token_id": 0, "attn_implementation": "eager",
                                             "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}})
        return lambda made: glm.Glm4v(*made), (self.vision, language, text["vocab_size"])

    def build(self):
        model = super().build()
        tower = model.model.vision_tower
        with torch.no_grad():
            tower.linear_proj.dense_4h_to_h.weight.mul_(8)
            for end in (tower.boi, tower.eoi):
                end.mul_(32)
        model.model.language_model.ends = [(end[0, 0] / tower.scaling_factor).detach() for end in (tower.boi, tower.eoi)]
        config = model.model.language_model.config
        # What write_language reads: every channel of a head in pairs, whose frequencies fall half as fast.
        model.config = types.SimpleNamespace(text_config=types.SimpleNamespace(**{
            **config.to_dict(), "model_type": "qwen2vl", "rope_parameters": {"rope_theta": config.rope_parameters["rope_theta"] ** 2}}))
        return model

    def prepare(self, image):
        return {"original": preprocess.normalise(preprocess.resize(image, (self.image_size, self.image_size)))[None]}, {
            "places": [0, *[1] * ((self.image_size // self.patch_size) ** 2 // 4), 2]}

    @torch.no_grad()
    def encode(self, pixels, image):
        tower = self.model.model.vision_tower
        return tower.features(torch.from_numpy(pixels)), tower(torch.from_numpy(pixels)).flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        inputs = self.model.get_input_embeddings()(ids[0]).clone()
        inputs[ids[0] == self.placeholder] = torch.cat([self.encode(part, None)[1] for part in pixels])
        return glm.chatglm_logits(self.model, inputs, glm.positions(inputs, *self.model.model.language_model.ends))

    def export(self, folder):
        tensors = {gguf_files.rename(NAMES, name): tensor for name, tensor in self.model.model.vision_tower.state_dict().items()}
        tensors["v.class_embd"] = tensors["v.class_embd"].squeeze()
        tensors["adapter.conv.weight"] = tensors.pop("conv.weight").permute(0, 2, 3, 1).flatten(1)     # rows of two by two patches
        tensors["adapter.conv.bias"] = tensors.pop("conv.bias")
        tensors["adapter.boi"], tensors["adapter.eoi"] = tensors.pop("boi").flatten(), tensors.pop("eoi").flatten()
        keys = {"clip.projector_type": "adapter_eva", "clip.use_gelu": True, "clip.vision.block_count": VISION["num_hidden_layers"],
                "clip.vision.projection_dim": 64, "clip.vision.projector.output_divisor": 8.0}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.vision, tensors, keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        config = self.model.model.language_model.config
        pairs = config.head_dim // 4
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, keys={"rope.dimension_sections": [0, pairs, 0, pairs]},
                                  state=free_positions(self.model.state_dict(), config))
        return {}


if __name__ == "__main__":
    main([Glm4vCase()], HERE, sys.argv[1:])
