"""Goldens of CogVLM and CogVLM2 from the authors' modules with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import torch

import gguf_files
import model as cog
import preprocess
import reference
from golden_case import GoldenCase, main
from vocabulary import BytePairVocabulary, SentencePieceVocabulary

VISION = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_heads=4, num_attention_heads=4, layer_norm_eps=1e-6)
NAMES = [("patch_embedding.proj", "v.patch_embd"), ("patch_embedding.cls_embedding", "v.class_embd"), ("patch_embedding.position_embedding", "v.position_embd"),
         ("transformer.layers", "v.blk"), ("input_layernorm", "ln1"), ("post_attention_layernorm", "ln2"), ("attention.query_key_value", "attn_qkv"),
         ("attention.dense", "attn_out"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down"), ("linear_proj.linear_proj", "mm.model.fc"),
         ("linear_proj.norm1", "mm.post_fc_norm"), ("linear_proj.gate_proj", "mm.gate"), ("linear_proj.dense_h_to_4h", "mm.up"),
         ("linear_proj.dense_4h_to_h", "mm.down"), ("boi", "v.boi"), ("eoi", "v.eoi"), ("conv.", "mm.conv.")]
# ggml-org/llama.cpp v0.5.0, gguf-py/gguf/tensor_mapping.py; "language_model" is what write_language knows a language model's tensors by.
TEXT = [("model.language_model.", ""), ("embed_tokens", "token_embd"), ("lm_head", "output"), ("layers.", "blk."),
        ("self_attn.language_expert_query_key_value", "attn_qkv"), ("self_attn.language_expert_dense", "attn_output"),
        ("self_attn.vision_expert_query_key_value", "vis_attn_qkv"), ("self_attn.vision_expert_dense", "vis_attn_output"),
        ("mlp.language_mlp.gate_proj", "ffn_gate"), ("mlp.language_mlp.up_proj", "ffn_up"), ("mlp.language_mlp.down_proj", "ffn_down"),
        ("mlp.vision_mlp.gate_proj", "vis_gate"), ("mlp.vision_mlp.up_proj", "vis_up"), ("mlp.vision_mlp.down_proj", "vis_down"),
        ("post_attention_layernorm", "ffn_norm"), ("input_layernorm", "attn_norm")]
CHAT = reference.MEDIA + "Question: {} Answer:"                                  # _history_to_prompt behind the picture


class CogVlmCase(GoldenCase):
    picture_names = ("native", "tall", "small", "shapes", "dark", "wide", "line")
    prompts = {"raw": reference.MEDIA + "{}", "chat": CHAT}
    largest_pixels = 60_000
    is_second, groups, base = False, 4, 1e4
    tower_attention = 1.0                               # of queries and keys: no norm stands in front of them, so that scores are of 5, which multiply rounding

    def config(self, vision, text):
        side = self.image_size // self.patch_size
        tower = types.SimpleNamespace(**VISION, image_size=self.image_size, patch_size=self.patch_size, num_positions=side * side + 1)
        made = types.SimpleNamespace(**{**text, "num_multi_query_heads": self.groups}, vision_config=tower, is_second=self.is_second, rotary_base=self.base)
        return cog.CogVLMForCausalLM, made

    def build(self):
        model = super().build()
        with torch.no_grad():                            # so that attention chooses, and a picture reaches the logits
            for name, parameter in model.named_parameters():
                if "expert_query_key_value.weight" in name:
                    parameter[: (self.groups + 4) * 16].mul_(2)
                elif ".vision." in name and name.endswith("attention.query_key_value.weight"):
                    parameter[: 2 * VISION["hidden_size"]].mul_(self.tower_attention)
                elif "dense_4h_to_h" in name:
                    parameter.mul_(8)
                elif name.endswith((".boi", ".eoi")):
                    parameter.mul_(4)
        config = model.config
        model.config.text_config = types.SimpleNamespace(
            model_type="cogvlm", vocab_size=config.vocab_size, hidden_size=config.hidden_size, num_hidden_layers=config.num_hidden_layers,
            intermediate_size=config.intermediate_size, num_attention_heads=config.num_attention_heads, num_key_value_heads=self.groups,
            max_position_embeddings=config.max_position_embeddings, rms_norm_eps=config.rms_norm_eps, rope_parameters={"rope_theta": self.base})
        return model

    def prepare(self, image):
        tokens = (self.image_size // self.patch_size // (2 if self.is_second else 1)) ** 2
        return {"original": preprocess.normalise(preprocess.resize(image, (self.image_size, self.image_size)))[None]}, {
            "places": [0, *[1] * tokens, 2], "text_tail": 1}

    @torch.no_grad()
    def encode(self, pixels, image):
        tower = self.model.model.vision
        return tower.features(torch.from_numpy(pixels)), tower(torch.from_numpy(pixels)).flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        """CogVLMModel.forward on ids with placeholders and token types, as build_conversation_input_ids gives them."""
        inputs = self.model.get_input_embeddings()(ids[0]).clone()
        token_type_ids = (ids == self.placeholder).long()
        inputs[ids[0] == self.placeholder] = torch.cat([self.encode(part, None)[1] for part in pixels])
        x, _ = self.model.model(inputs[None], token_type_ids, cog.build_position_ids(token_type_ids))
        return self.model.lm_head(x[0, -1])

    def export(self, folder):
        tensors = {gguf_files.rename(NAMES, name): tensor for name, tensor in self.model.model.vision.state_dict().items()}
        tensors = {name: tensor.flatten() if name in ("v.class_embd", "v.boi", "v.eoi") else tensor for name, tensor in tensors.items()}
        if self.is_second:
            tensors["mm.conv.weight"] = tensors["mm.conv.weight"].permute(0, 2, 3, 1).flatten(1)    # rows of two by two patches
        keys = {"clip.projector_type": "cogvlm", "clip.use_gelu": True, "clip.vision.block_count": VISION["num_hidden_layers"], "clip.vision.projection_dim": 64}
        vision = self.model.config.vision_config
        gguf_files.write_vision(folder / "mmproj-f16.gguf", vision, tensors, keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD,
                                full=["v.position_embd.weight"])
        state = {name if name.startswith("lm_head") else name.replace("model.", "model.language_model.", 1): tensor
                 for name, tensor in self.model.state_dict().items() if ".vision." not in name}
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, state=state, names=TEXT)
        return {}


class CogVlm(CogVlmCase):
    name, seed, vocabulary_type, image_size, patch_size = "cogvlm", 321, SentencePieceVocabulary, 70, 14
    about = "CogVLM: EVA2-CLIP-E (norms behind attention and feed-forward), gated connector, begin and end embeddings; visual expert, patches at one position"


class CogVlm2(CogVlmCase):
    name, seed, vocabulary_type, image_size, patch_size = "cogvlm2", 322, BytePairVocabulary, 84, 14
    about = "CogVLM2: the same with a 2 x 2 convolution, grouped heads, biases of the visual expert's queries, keys and values, another base of the rotation"
    is_second, groups, base, tower_attention = True, 2, 5e5, 0.5


if __name__ == "__main__":
    main([CogVlm(), CogVlm2()], HERE, sys.argv[1:])
