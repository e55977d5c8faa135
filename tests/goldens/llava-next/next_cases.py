"""LLaVA-NeXT (LLaVA-1.6) from transformers' LlavaNextForConditionalGeneration, and what its layout can also hold."""
import numpy as np
import torch
import transformers
from transformers.models.llava_next import modeling_llava_next
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision import modeling_llava_onevision
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionModel

import anyres
import gguf_files
import preprocess
from golden_case import LEGACY_KEYS, LEGACY_LAYOUT, GoldenCase, projector_tensors
from vocabulary import SentencePieceVocabulary

SIDE = 56
PINPOINTS = [(SIDE, 2 * SIDE), (2 * SIDE, SIDE), (2 * SIDE, 2 * SIDE), (3 * SIDE, SIDE), (SIDE, 3 * SIDE)]     # width, height

AS_PUBLISHED = [list(pinpoint) for pinpoint in PINPOINTS]               # the same numbers, which transformers reads as height, width


class LlavaNext(GoldenCase):
    name, seed, image_size, vocabulary_type = "llava-1.6", 41, SIDE, SentencePieceVocabulary
    about = "LLaVA-1.6: five pinpoints, unpad, newline after each row; as a legacy file and in today's layout, the same weights"
    anyres_keys = {"clip.projector_type": "mlp", "clip.vision.image_aspect_ratio": "anyres",
                   "clip.vision.mm_patch_merge_type": "spatial_unpad",
                   "clip.vision.image_grid_pinpoints": [side for pinpoint in PINPOINTS for side in pinpoint]}
    legacy_keys = {**LEGACY_KEYS, **anyres_keys, "clip.vision.block_count": 3, "clip.vision.mm_projector_type": "mlp2x_gelu",
                   "clip.vision.image_crop_resolution": 28, "clip.vision.image_split_resolution": 28}     # the original never reads these two
    fused_keys = {**anyres_keys, "clip.vision.block_count": 4, "clip.vision.feature_layer": [3], "clip.vision.projection_dim": 64}

    def config(self, vision, text):
        self.turned = [[height, width] for width, height in PINPOINTS]
        self.turned_processor, self.published_processor = (LlavaNextImageProcessorPil(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=pinpoints)
            for pinpoints in (self.turned, AS_PUBLISHED))
        return transformers.LlavaNextForConditionalGeneration, transformers.LlavaNextConfig(
            vision_config=vision, text_config=dict(text, model_type="llama"), image_token_index=self.placeholder,
            vision_feature_layer=-2, projector_hidden_act="gelu", image_grid_pinpoints=self.turned, attn_implementation="eager")

    def prepare(self, image):
        pixels, plan = anyres.slices(image, SIDE, PINPOINTS, preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        anyres.check_against(self.turned_processor, image, pixels)
        with preprocess.horizontal_first():
            theirs = np.asarray(self.published_processor(image)["pixel_values"][0], dtype=np.float32)
        return {"original": pixels, "transformers": theirs}, plan

    @torch.no_grad()
    def encode(self, pixels, image):
        states = self.model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states
        with anyres.original_unpad(modeling_llava_next):
            packed = self.model.get_image_features(torch.from_numpy(pixels)[None], torch.tensor([[image.height, image.width]]))
        return states[-2][:, 1:], packed.pooler_output[0]

    def class_logits(self, ids, pixels, images):
        count = max(len(p) for p in pixels)
        padded = np.stack([np.pad(p, [(0, count - len(p)), (0, 0), (0, 0), (0, 0)]) for p in pixels])
        sizes = torch.tensor([[image.height, image.width] for image in images])
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(padded), image_sizes=sizes).logits[0, -1]

    def files(self):
        """Stem, keys, name of the newline embedding and layout of each mmproj file."""
        return [("mmproj-f16", self.legacy_keys, "model.image_newline", LEGACY_LAYOUT),
                ("mmproj-fused-f16", self.fused_keys, "v.image_newline", dict(blocks=4, swapped=False, fused=True, post_norm=True))]

    def export(self, folder):
        tower, newline = self.model.model.vision_tower, self.model.model.image_newline
        for stem, keys, newline_name, layout in self.files():
            tensors = {**projector_tensors(self.model), newline_name: newline, **gguf_files.tower_tensors(tower, **layout)}
            gguf_files.write_vision(folder / f"{stem}.gguf", self.model.config.vision_config, tensors, keys,
                                    preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        gguf_files.write_language(folder / "language-f16.gguf", self.language_of or self.name, self.model, self.vocabulary)
        return {}


class PlainNext(LlavaNext):
    """A case that no class of transformers runs whole: the tower is the class's, the rest is written out. Few pictures, one file."""
    picture_names, pair, language_of, largest_pixels = ("shapes", "tall"), ("shapes", "tall"), "llava-1.6", 120_000

    def check_class(self, run):
        """No class to check against."""

    def files(self):
        return super().files()[:1]

    def tower(self, pixels):
        """Tower output [slices, patches, hidden] and connector's rows [slices, patches, width]."""
        features = self.model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states[-2][:, 1:]
        return features, self.model.model.multi_modal_projector(features)


class LlavaNextNormed(PlainNext):
    name = "llava-1.6-normed"
    about = "the connector of 01-ai/Yi's VL: two layers, a norm after each, stored as mm.0, mm.1, mm.3, mm.4; projector_type mlp_norm"
    anyres_keys = {**LlavaNext.anyres_keys, "clip.projector_type": "mlp_norm"}
    legacy_keys = {**LlavaNext.legacy_keys, **anyres_keys}

    def adapt(self, model):
        """01-ai/Yi, VL/llava/model/multimodal_projector/builder.py, mlp2x_gelu_Norm."""
        model.model.multi_modal_projector = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.LayerNorm(64), torch.nn.GELU(), torch.nn.Linear(64, 64), torch.nn.LayerNorm(64))
        return model

    @torch.no_grad()
    def encode(self, pixels, image):
        features, rows = self.tower(pixels)
        with anyres.original_unpad(modeling_llava_next):
            packed, _ = self.model.model.pack_image_features(
                [rows], torch.tensor([[image.height, image.width]]), "default", self.model.model.image_newline)
        return features, packed[0]


class LlavaNextMax(PlainNext):
    name, MOST_TILES = "llava-next-max", 2
    about = "anyres_max_2 on a CLIP tower: the map is reduced bilinearly, pictures that are not alone are padded and not cut"
    anyres_keys = {**LlavaNext.anyres_keys, "clip.vision.image_aspect_ratio": f"anyres_max_{MOST_TILES}"}
    legacy_keys = {**LlavaNext.legacy_keys, **anyres_keys}

    def prepare_of_several(self, image):
        return {"original": preprocess.llava_original(image, SIDE, "pad")}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        """The merge of LlavaOnevisionModel, which is LLaVA-VL/LLaVA-NeXT's llava_arch.py; its tower does not matter."""
        features, rows = self.tower(pixels)
        with anyres.original_unpad(modeling_llava_onevision):
            packed, _ = LlavaOnevisionModel.pack_image_features(
                self.model.model, [rows], torch.tensor([[image.height, image.width]]), self.model.model.image_newline, f"anyres_max_{self.MOST_TILES}")
        return features, packed[0]
