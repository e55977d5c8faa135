"""Goldens of LLaVA-NeXT (LLaVA-1.6) from transformers' LlavaNextForConditionalGeneration with random weights. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import numpy as np
import torch
import transformers
from transformers.models.llava_next import modeling_llava_next
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

import anyres
import gguf_files
import preprocess
from golden_case import LEGACY_KEYS, LEGACY_LAYOUT, GoldenCase, main, projector_tensors
from vocabulary import SentencePieceVocabulary

SIDE = 56
PINPOINTS = [(SIDE, 2 * SIDE), (2 * SIDE, SIDE), (2 * SIDE, 2 * SIDE), (3 * SIDE, SIDE), (SIDE, 3 * SIDE)]     # width, height


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
        self.processor = LlavaNextImageProcessorPil(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=self.turned)
        return transformers.LlavaNextForConditionalGeneration, transformers.LlavaNextConfig(
            vision_config=vision, text_config=dict(text, model_type="llama"), image_token_index=self.placeholder,
            vision_feature_layer=-2, projector_hidden_act="gelu", image_grid_pinpoints=self.turned, attn_implementation="eager")

    def prepare(self, image):
        pixels, plan = anyres.slices(image, SIDE, PINPOINTS, preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        anyres.check_against(self.processor, image, pixels)
        return {"original": pixels}, plan

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

    def export(self, folder):
        tower, newline = self.model.model.vision_tower, self.model.model.image_newline
        for stem, keys, newline_name, layout in [
                ("mmproj-f16", self.legacy_keys, "model.image_newline", LEGACY_LAYOUT),
                ("mmproj-fused-f16", self.fused_keys, "v.image_newline", dict(blocks=4, swapped=False, fused=True, post_norm=True))]:
            tensors = {**projector_tensors(self.model), newline_name: newline, **gguf_files.tower_tensors(tower, **layout)}
            gguf_files.write_vision(folder / f"{stem}.gguf", self.model.config.vision_config, tensors, keys,
                                    preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        gguf_files.write_llama(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}


if __name__ == "__main__":
    main([LlavaNext()], HERE, sys.argv[1:])
