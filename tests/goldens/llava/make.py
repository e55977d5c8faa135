"""Goldens of LLaVA-1 and LLaVA-1.5 from transformers' LlavaForConditionalGeneration with random weights. See README.md."""
import copy
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import gguf
import numpy as np
import torch
import transformers

import gguf_files
import preprocess
import reference
from golden_case import LEGACY_KEYS, LEGACY_LAYOUT, GoldenCase, main, projector_tensors
from randomise import quantise
from vocabulary import BytePairVocabulary, SentencePieceVocabulary

Q8_0 = gguf.GGMLQuantizationType.Q8_0


class Llava(GoldenCase):
    vocabulary_type = SentencePieceVocabulary
    hidden_act, aspect_ratio, layout = "quick_gelu", "pad", LEGACY_LAYOUT

    def config(self, vision, text):
        vision = dict(vision, hidden_act=self.hidden_act)
        return transformers.LlavaForConditionalGeneration, transformers.LlavaConfig(
            vision_config=vision, text_config=dict(text, model_type="llama"), image_token_index=self.placeholder,
            vision_feature_layer=-2, projector_hidden_act="gelu", attn_implementation="eager")

    def prepare(self, image):
        pixels = {"original": preprocess.llava_original(image, self.image_size, self.aspect_ratio),
                  "transformers": preprocess.clip_transformers(image, self.image_size)}
        return pixels, {"pass_order_matters": preprocess.check_pass_order(image, self.image_size)}

    @torch.no_grad()
    def encode(self, pixels, image=None, model=None):
        model = model or self.model
        states = model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states
        features = states[-2][:, 1:]
        embeddings = torch.cat(list(model.get_image_features(torch.from_numpy(pixels)).pooler_output))
        assert torch.equal(embeddings, model.model.multi_modal_projector(features).flatten(0, 1))
        return features, embeddings

    def class_logits(self, ids, pixels, images):
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate(pixels))).logits[0, -1]

    def export(self, folder):
        tensors = {**projector_tensors(self.model), **gguf_files.tower_tensors(self.model.model.vision_tower, **self.layout)}
        self.vision_file = (self.model.config.vision_config, tensors, self.keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        gguf_files.write_vision(folder / "mmproj-f16.gguf", *self.vision_file)
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}


class Llava15(Llava):
    name, seed = "llava-1.5", 11
    about = "LLaVA-1.5 as the legacy converter writes it: feed-forward names exchanged, last block dropped, no feature_layer"
    keys = {**LEGACY_KEYS, "clip.projector_type": "mlp", "clip.vision.block_count": 3}

    def export(self, folder):
        """Also as Q8_0, with what its matrices cost when run in float32."""
        fields = super().export(folder)
        gguf_files.write_vision(folder / "mmproj-q8_0.gguf", *self.vision_file, quantise=Q8_0)
        coarse = quantise(copy.deepcopy(self.model), Q8_0, r"(vision_tower.*encoder|multi_modal_projector).*weight$")
        cosines = []
        for image in self.images.values():
            pixels = self.prepare(image)[0]["original"]
            cosines.append(torch.cosine_similarity(self.encode(pixels)[1], self.encode(pixels, model=coarse)[1], dim=-1))
        cosines = torch.cat(cosines)
        cost = {"cosine_mean": round(float(cosines.mean()), 6), "cosine_min": round(float(cosines.min()), 6), "limit": 0.998}
        return {**fields, "mmproj-q8_0": cost}


class Llava1(Llava):
    name, seed, image_size, aspect_ratio = "llava-1", 22, 70, None
    about = "LLaVA-1: linear projector, no projector_type, block_count says one more than there are, centre crop"
    keys = {**LEGACY_KEYS, "clip.vision.block_count": 4}

    def adapt(self, model):
        model.model.multi_modal_projector = torch.nn.Sequential(torch.nn.Linear(64, 64))
        return model


class EndTokensVocabulary(SentencePieceVocabulary):
    specials = ["<im_patch>", "<im_start>", "<im_end>"]
    placeholder_text = "<im_patch>"


class Llava1Ends(Llava1):
    name, seed, image_size, vocabulary_type, picture_names = "llava-1-ends", 23, 56, EndTokensVocabulary, ("shapes", "tall", "dark")
    about = "LLaVA-1 with mm_use_im_start_end: a picture stands between two tokens of the vocabulary"
    keys = {**Llava1.keys, "clip.vision.mm_use_im_start_end": True}

    def surroundings(self, picture, index):
        return ["<im_start>", reference.WHOLE, "<im_end>"]


class Llava15Fused(Llava):
    name, seed, hidden_act, vocabulary_type = "llava-1.5-fused", 31, "gelu", BytePairVocabulary
    about = "today's layout: fused q/k/v, every block stored, feature_layer, erf GELU in the tower, BPE text side"
    layout = dict(blocks=4, swapped=False, fused=True, post_norm=True)
    keys = {"clip.projector_type": "mlp", "clip.use_gelu": True, "clip.vision.block_count": 4, "clip.vision.projection_dim": 64,
            "clip.vision.feature_layer": [3], "clip.vision.image_aspect_ratio": "pad"}


if __name__ == "__main__":
    main([Llava15(), Llava1(), Llava1Ends(), Llava15Fused()], HERE, sys.argv[1:])
