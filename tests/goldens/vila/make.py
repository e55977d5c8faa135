"""Goldens of VILA 1.5 and NVILA from the authors' code in PyTorch with random weights. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import numpy as np
import torch
import transformers

import gguf_files
import preprocess
import tiles
from golden_case import GoldenCase, main
from model import DownSample2x2Block, DownSampleBlock, Vila, mlp_downsample, mlp_downsample_3x3_fix
from reference import MEDIA, WHOLE, wordings
from vocabularies import Llama3Vocabulary, NvilaVocabulary, YiVocabulary
from vocabulary import SentencePieceVocabulary

HALF, IMAGENET = ((0.5,) * 3, (0.5,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIGLIP = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6,
              vision_use_head=False, attn_implementation="eager")
INTERNVIT_6B = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, hidden_act="gelu", layer_norm_eps=1e-6,
                    norm_type="rms_norm", attention_bias=False, use_qk_norm=True, attn_implementation="eager")
# llava/conversation.py, branch vila1.5: vicuna_v1; llama_3, whose answers stand under a second "system" header; hermes-2.
VICUNA_V1 = ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite "
             "answers to the user's questions. USER: {} ASSISTANT:")
LLAMA_3 = ("<|start_header_id|>system<|end_header_id|>\n\nYou are a helpful language and vision assistant. You are able to understand the "
           "visual content that the user provides, and assist the user with a variety of tasks using natural language.<|end_of_text|>"
           "<|start_header_id|>user<|end_header_id|>\n\n{}<|end_of_text|><|start_header_id|>system<|end_header_id|>\n\n")
HERMES_2 = "<|im_start|>system\nAnswer the questions.<|im_end|><|im_start|>user\n{}<|im_end|><|im_start|>assistant\n"
# Branch main: llava/model/language_model/chat_templates/qwen2.jinja.
QWEN2 = "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


class VilaCase(GoldenCase):
    """VILA 1.5 with SigLIP: the picture stretched; the state before the last block; two by two patches make a token, column by column."""
    image_size, patch_size, vocabulary_type = 70, 14, SentencePieceVocabulary
    picture_names = ("native", "tall", "small", "shapes", "dark", "wide")
    text_type, select_layer, select_feature = "llama", -2, "cls_patch"
    largest_pixels = 60_000
    mean, std = HALF
    factor, order, aspect_ratio, scales = 2, "col", "resize", None

    def config(self, vision, text):
        build, configure = {"llama": (transformers.LlamaModel, transformers.LlamaConfig), "qwen2": (transformers.Qwen2Model, transformers.Qwen2Config)}[self.text_type]
        language = build(configure(**text, attn_implementation="eager"))
        return lambda made: Vila(*made), (self.tower(), self.select_layer, self.select_feature, self.projector(64 * len(self.scales or [1]), 64), language, text["vocab_size"])

    def tower(self):
        return transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SIGLIP, image_size=self.image_size, patch_size=self.patch_size))

    def projector(self, inputs, outputs):
        return mlp_downsample(DownSampleBlock(), inputs, outputs)

    def build(self):
        model = super().build()
        with torch.no_grad():     # randomise knows norms by name, and a Sequential's layers have none
            for layer in model.model.multi_modal_projector:
                if isinstance(layer, torch.nn.LayerNorm):
                    layer.weight.copy_((1 + 0.2 * layer.weight).half().float())
        return model

    def cut(self, image, several):
        """The slices, facts for the manifest, and the last scale's (rows, columns) or None."""
        return [tiles.stretch(image, self.image_size)], {}, None

    def prepare(self, image):
        parts, facts, _ = self.cut(image, several=False)
        return {"original": self.pixels_of(parts)}, facts

    def pixels_of(self, parts):
        return np.stack([preprocess.normalise(part, self.mean, self.std) for part in parts])

    @torch.no_grad()
    def encode(self, pixels, image):
        features = self.model.tower(torch.from_numpy(pixels))
        return features, self.connect(features, image)

    def connect(self, features, image):
        return self.model.project(features).flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        """Rows are scattered over the placeholders, which is what prepare_inputs_labels_for_multimodal and _embed come to."""
        rows = torch.cat([self.encode(part, image)[1] for part, image in zip(pixels, images)])
        embedded = self.model.get_input_embeddings()(ids)[0].clone()
        embedded[ids[0] == self.placeholder] = rows
        return self.model.lm_head(self.model.model.language_model(inputs_embeds=embedded[None]).last_hidden_state[0, -1])

    def projector_tensors(self):
        """Indices of the Sequential less one: the block has no weights."""
        return {f"mm.{int(layer) - 1}.{kind}": tensor for layer, kind, tensor in
                ((*name.split("."), tensor) for name, tensor in self.model.model.multi_modal_projector.state_dict().items())}

    def tower_tensors(self):
        """The blocks that run: all but the last."""
        return gguf_files.tower_tensors(self.model.model.vision_tower, blocks=2, swapped=False, fused=False, post_norm=False)

    def keys(self):
        scales = {"clip.vision.s2_scales": list(self.scales)} if self.scales else {}
        return {"clip.projector_type": "vila_downsample", "clip.use_gelu": True, "clip.vision.block_count": 2, "clip.vision.projection_dim": 64,
                "clip.vision.projector.scale_factor": self.factor, "clip.vision.projector.token_order": self.order,
                "clip.vision.projector.pad_zero": True, "clip.vision.image_aspect_ratio": self.aspect_ratio, **scales}

    def export(self, folder):
        config = self.model.config.vision_config
        for name in ("image_size", "patch_size"):      # InternViT's are pairs
            setattr(config, name, getattr(self, name))
        gguf_files.write_vision(folder / "mmproj-f16.gguf", config, {**self.tower_tensors(), **self.projector_tensors()}, self.keys(), self.mean, self.std,
                                full=["v.position_embd.weight"])
        gguf_files.write_language(folder / "language-f16.gguf", self.language_of or self.name, self.model, self.vocabulary)
        return {}


class Vila3b(VilaCase):
    name, seed, prompts = "vila-1.5-3b", 201, wordings(chat=VICUNA_V1)
    about = "VILA 1.5 3B and 13B: SigLIP, stretched; 5 x 5 patches filled up to 3 x 3 tokens, column by column; Llama, vicuna_v1"
    picture_names = (*VilaCase.picture_names, "page", "line")


class Vila8b(VilaCase):
    name, seed, vocabulary_type, prompts = "vila-1.5-8b", 202, Llama3Vocabulary, wordings(chat=LLAMA_3)
    about = "VILA 1.5 8B: Llama 3, llama_3; 6 x 6 patches, nothing to fill up"
    image_size, picture_names = 84, ("native", "tall", "shapes", "dark")


class Vila40b(VilaCase):
    name, seed, vocabulary_type, prompts = "vila-1.5-40b", 203, YiVocabulary, wordings(chat=HERMES_2)
    about = "VILA 1.5 40B: InternViT-6B (RMS norm, q/k norm over the whole width, no q/k/v bias), last block, class token dropped; Yi, hermes-2"
    image_size, picture_names = 84, ("native", "tall", "shapes", "dark", "wide")
    select_layer, select_feature = -1, "patch"           # scripts/v1_5/release/40b/3_sft.sh, and the default of mm_vision_select_feature
    mean, std = IMAGENET
    NAMES = [("embeddings.cls_token", "v.class_embd"), ("embeddings.patch_embeddings.projection", "v.patch_embd"),
             ("embeddings.position_embeddings", "v.position_embd.weight"), ("encoder.layer", "v.blk"), ("attention.projection_layer", "attn_out"),
             ("attention.q_proj", "attn_q"), ("attention.k_proj", "attn_k"), ("attention.v_proj", "attn_v"), ("attention.q_norm", "attn_q_norm"),
             ("attention.k_norm", "attn_k_norm"), ("layernorm_before", "ln1"), ("layernorm_after", "ln2"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down"),
             ("lambda_1", "ls1.weight"), ("lambda_2", "ls2.weight")]

    def tower(self):
        from transformers.models.internvl.modeling_internvl import InternVLVisionConfig, InternVLVisionModel
        return InternVLVisionModel(InternVLVisionConfig(**INTERNVIT_6B, image_size=[self.image_size] * 2, patch_size=[self.patch_size] * 2))

    def tower_tensors(self):
        tensors = {gguf_files.rename(self.NAMES, name): tensor for name, tensor in self.model.model.vision_tower.state_dict().items()}
        return {name: tensor.squeeze() if name in ("v.class_embd", "v.position_embd.weight") else tensor for name, tensor in tensors.items()}

    def keys(self):
        return {**super().keys(), "clip.vision.block_count": 3}


class Vila3bS2(VilaCase):
    name, language_of, seed, prompts, scales = "vila-1.5-3b-s2", "vila-1.5-3b", 201, wordings(chat=VICUNA_V1), (70, 140)
    about = "VILA 1.5 3B S2: the picture at two scales, five slices, their features side by side on the coarser map"
    picture_names = ("native", "tall", "small", "shapes", "dark")

    def pixels_of(self, parts):
        """SiglipVisionTowerS2 stretches to the largest scale; the others are made of its pixels."""
        return tiles.multiscale_input(preprocess.normalise(parts[0], self.mean, self.std), self.scales, self.image_size)

    def cut(self, image, several):
        return [tiles.stretch(image, self.scales[-1])], {"refined": {"width": self.scales[-1], "height": self.scales[-1]}}, None

    def connect(self, features, image):
        return self.model.project(self.model.merge_s2(features, self.scales))[0]


class NvilaCase(VilaCase):
    """Branch main: a text's newline follows each picture, and the placeholder stands directly before the question."""
    text_type, vocabulary_type, order = "qwen2", NvilaVocabulary, "row"
    prompts = {"raw": MEDIA + "{}", "chat": QWEN2.format(MEDIA + "{}")}

    def prepare_of_several(self, image):
        """generate_content cuts a picture only where it is alone."""
        parts, facts, _ = self.cut(image, several=True)
        return {"original": self.pixels_of(parts)}, facts

    def surroundings(self, picture, index):
        return [WHOLE, self.vocabulary.encode("\n")]                    # BasicImageEncoder's end_tokens


class NvilaLite(NvilaCase):
    name, seed, aspect_ratio, factor = "nvila-lite", 205, "dynamic", 3
    about = "NVILA-Lite: tiles and thumbnail, three by three patches make a token (5 filled up to 6); Qwen2"
    picture_names, pair = ("native", "tall", "small", "shapes", "wide"), ("shapes", "wide")
    TILES = (1, 12)                                                     # configuration_llava.py: min_tiles, max_tiles

    def projector(self, inputs, outputs):
        return mlp_downsample_3x3_fix(inputs, outputs)

    def cut(self, image, several):
        if several:
            return [tiles.stretch(image, self.image_size)], {}, None
        parts, (columns, rows) = tiles.dynamic_preprocess(image, *self.TILES, self.image_size)
        return parts, {"grid": {"columns": columns, "rows": rows}, "refined": {"width": columns * self.image_size, "height": rows * self.image_size}}, None

    def surroundings(self, picture, index):
        """generate_content writes the placeholder and a newline once for each tile; each is a picture to the encoder."""
        if picture.endswith(".of2"):
            return super().surroundings(picture, index)
        return [4, self.vocabulary.encode("\n"), "\n"] * len(self.prepared[picture])

    def keys(self):
        return {**super().keys(), "clip.vision.preproc_min_tiles": self.TILES[0], "clip.vision.preproc_max_tiles": self.TILES[1]}


class Nvila(NvilaCase):
    name, language_of, seed = "nvila", "nvila-lite", 205
    aspect_ratio, image_size, scales = "dynamic_s2", 56, (56, 112, 168)
    about = "NVILA: three scales, the last in the picture's ratio, features side by side on the finest map, projected tile by tile; Qwen2"
    picture_names, pair = ("native", "tall", "shapes", "wide"), ("shapes", "wide")
    MAX_TILES = 12

    def projector(self, inputs, outputs):
        return mlp_downsample(DownSample2x2Block(), inputs, outputs)

    def cut(self, image, several):
        if several:
            return [tiles.stretch(image, self.image_size)], {}, None
        parts, (columns, rows) = tiles.dynamic_s2_preprocess(image, self.scales, self.MAX_TILES, self.image_size)
        refined = {"width": columns * self.image_size, "height": rows * self.image_size}
        return parts, {"grid": {"columns": columns, "rows": rows}, "refined": refined}, (rows, columns)

    def connect(self, features, image):
        block_size = self.cut(image, several=False)[2] if len(features) > 1 else None
        return self.model.encode_dynamic_s2(features, block_size, self.scales)

    def keys(self):
        return {**super().keys(), "clip.vision.preproc_max_tiles": self.MAX_TILES}


if __name__ == "__main__":
    main([Vila3b(), Vila8b(), Vila40b(), Vila3bS2(), NvilaLite(), Nvila()], HERE, sys.argv[1:])
