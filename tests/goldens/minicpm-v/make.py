"""Goldens of MiniCPM-V 2.0 to 4.5, written from OpenBMB's published rules with random weights, and of 4.6. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import numpy as np
import torch
import transformers

import buckets
import gguf_files
import sizes46
import slices
import video
from corpus import QUESTIONS
from golden_case import LANGUAGE, main
from model import MiniCpmV, Tower
from release46 import V46, V46Fine
from reference import QWEN, wordings
from resampler import Resampler, sincos_2d
from sliced_case import SlicedCase
from vocabularies import Llama3Vocabulary, MiniCpm4Vocabulary, MiniCpmVocabulary, Qwen2Vocabulary

SCALE = 112
TOWER = dict(hidden=64, inner=96, layers=2, heads=4)
MINICPM4 = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
QWEN3 = MINICPM4 + "<think>\n\n</think>\n\n"
LLAMA3 = "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
# A page is up to 960 embeddings here, over which libllama's F16 attention drifts further than reference.ggml_rounding shows.
LONG = {"page": 0.045}
MORE = QUESTIONS + [f"{words} {question}" for words in ("Please.", "Now answer.") for question in QUESTIONS]
SEVEN = ("native", "wide", "tall", "page", "small", "shapes", "dark")


class MiniCpmVCase(SlicedCase):
    image_size, queries, release, version, side = SCALE, 64, "2.6", 3, 70
    slicer, mean, std = slices.Slicer(SCALE, 14, 9), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    language, language_options = (transformers.Qwen2Model, transformers.Qwen2Config), {}
    activation, heads = "gelu_pytorch_tanh", 4
    architecture = keys = stored = None                  # of the language model's file, see gguf_files.write_language

    def config(self, vision, text):
        build, configure = self.language
        return self.construct, (build, configure(**text, **self.language_options, attn_implementation="eager"))

    def construct(self, language):
        build, text = language
        tower = Tower(**TOWER, activation=self.activation, side=self.side)
        tower.config.image_size = SCALE
        return MiniCpmV(self.release, tower, Resampler(TOWER["hidden"], text.hidden_size, self.queries, self.heads), build(text), text.vocab_size)

    def surroundings(self, picture, index):
        """get_slice_image_placeholder of 2.6, get_grid_placeholder of 2.0 and 2.5."""
        columns, rows = self.grid_of(picture) or (0, 0)
        overview = ["<image>", self.queries, "</image>"]
        tile = ["<slice>", self.queries, "</slice>"] if self.release == "2.6" else overview
        tiles = ((tile * columns + ["\n"]) * rows)[:-1]
        if self.release == "2.6":
            return [f"<image_id>{index}</image_id>", *overview, *tiles]
        return [*overview, "<slice>", *tiles, "</slice>"] if tiles else overview

    def vision_tensors(self):
        tower = gguf_files.tower_tensors(self.model.model.vision_tower, blocks=2, swapped=True, fused=False, post_norm=True)
        return {**tower, **self.model.model.resampler.tensors()}

    def export(self, folder):
        keys = {"clip.has_text_encoder": False, "clip.has_minicpmv_projector": True, "clip.projector_type": "resampler",
                "clip.use_gelu": True, "clip.vision.projection_dim": 0, "clip.vision.block_count": 2,
                "clip.vision.projector.head_count": self.heads}
        if self.version is not None:
            keys.update({"clip.minicpmv_version": np.int32(self.version), "clip.minicpmv_query_num": self.queries})
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.model.config.vision_config, self.vision_tensors(), keys, self.mean, self.std)
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, self.architecture, self.keys, self.stored)
        return {}


class V26(MiniCpmVCase):
    name, seed, vocabulary_type = "minicpm-v-2.6", 51, Qwen2Vocabulary
    about = "MiniCPM-V 2.6: slices in their own size, positions by row and column, 64 queries, numbered pictures; Qwen2"
    prompts = wordings(chat=QWEN)


class V45(MiniCpmVCase):
    """The resampler's times are for films only: resampler.py of openbmb/MiniCPM-V-4_5 adds zeros to a picture's keys."""
    name, seed, vocabulary_type, version, picture_names = "minicpm-v-4.5", 104, Qwen2Vocabulary, 6, SEVEN
    about = "MiniCPM-V 4.5: 2.6's rules; Qwen3 with thinking off"
    language, language_options = (transformers.Qwen3Model, transformers.Qwen3Config), {"head_dim": 16}
    prompts = wordings(chat=QWEN3)

    def build(self):
        model = super().build()
        with torch.no_grad():     # a normed query asks too softly to tell pictures apart
            for name, parameter in model.named_parameters():
                if "q_norm" in name:
                    parameter.mul_(4)
        return model


class V40(MiniCpmVCase):
    name, seed, vocabulary_type, version, picture_names = "minicpm-v-4.0", 145, MiniCpm4Vocabulary, 5, SEVEN
    about = "MiniCPM-V 4.0: 2.6's rules; MiniCPM4, which is a Llama"
    language, prompts = (transformers.LlamaModel, transformers.LlamaConfig), wordings(chat=MINICPM4)
    leads, questions = LONG, MORE


class V25(MiniCpmVCase):
    name, seed, vocabulary_type, picture_names = "minicpm-llama3-v-2.5", 120, Llama3Vocabulary, SEVEN
    release, version, queries = "2.5", None, 96
    leads, questions = LONG, MORE
    about = "MiniCPM-Llama3-V 2.5: positions along one row, 96 queries; Llama 3; a file from before the version key"
    language, prompts = (transformers.LlamaModel, transformers.LlamaConfig), wordings(chat=LLAMA3)


class V20(MiniCpmVCase):
    """MiniCPM-2B: text embeddings times scale_emb, residuals times scale_depth / sqrt(layers), logits over hidden / dim_model_base
    (openbmb/MiniCPM-2B, modeling_minicpm.py). The scales other than scale_emb are powers of two here, so that a Llama with scaled weights
    computes the same."""
    name, seed, vocabulary_type, picture_names = "minicpm-v-2.0", 53, MiniCpmVocabulary, ("tall", "page", "small", "shapes", "dark")
    release, version, activation, side = "2.0", 1, "gelu", 27
    about = "MiniCPM-V 2.0: a resized table of positions, positions on the queries, 64 queries, a divided projection; MiniCPM-2B"
    language, prompts = (transformers.LlamaModel, transformers.LlamaConfig), wordings(chat="<用户>{}<AI>")
    EMBEDDING, RESIDUAL, LOGIT = 12.0, 0.5, 0.25
    architecture, keys = "minicpm", {"embedding_scale": EMBEDDING, "residual_scale": RESIDUAL, "logit_scale": LOGIT}

    def build(self):
        model = super().build()
        self.stored = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        with torch.no_grad():
            self.scale(model.state_dict())
        return model

    def scale(self, state):
        # The file holds proj / scale_emb (minicpmv-surgery.py), so that is what is rounded to F16.
        divided = (state["model.resampler.proj"] / self.EMBEDDING).half().float()
        self.stored["model.resampler.proj"] = divided
        state["model.resampler.proj"].copy_(divided * self.EMBEDDING)
        for name, tensor in state.items():
            if name.endswith("embed_tokens.weight"):
                tensor.mul_(self.EMBEDDING)
            elif name.endswith(("o_proj.weight", "down_proj.weight")):
                tensor.mul_(self.RESIDUAL)
            elif name == "lm_head.weight":
                tensor.mul_(self.LOGIT)

    def entering(self, embeddings):
        return embeddings / self.EMBEDDING

    def vision_tensors(self):
        own = sincos_2d(LANGUAGE["hidden_size"], 8, 8)
        return {**super().vision_tensors(), "resampler.proj.weight": self.stored["model.resampler.proj"].T, "resampler.pos_embed": own}


if __name__ == "__main__":
    main([V26(), V40(), V45(), V46(), V46Fine(), V25(), V20()], HERE, sys.argv[1:])
    if sys.argv[1:] in ([], ["buckets"]):
        buckets.main(HERE)
    if sys.argv[1:] in ([], ["sizes46"]):
        sizes46.main(HERE)
    if sys.argv[1:] in ([], ["video"]):
        video.main(HERE)
