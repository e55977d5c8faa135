"""LLaVA-OneVision's image side from transformers' LlavaOnevisionForConditionalGeneration."""
import numpy as np
import torch
import transformers
from transformers.models.llava_onevision import modeling_llava_onevision
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil

import anyres
import gguf_files
import preprocess
import reference
from golden_case import LEGACY_KEYS, GoldenCase, projector_tensors
from vocabulary import QwenVocabulary

SIDE = 62                                                                              # four patches of 14 and six pixels that no patch sees
MEAN = STD = (0.5, 0.5, 0.5)
# LLaVA-VL/LLaVA-NeXT, llava/mm_utils.py: "(1x1),...,(6x6)" with the width in the outer loop.
PINPOINTS = [(columns * SIDE, rows * SIDE) for columns in range(1, 7) for rows in range(1, 7)]
AS_PUBLISHED = [list(pinpoint) for pinpoint in PINPOINTS]                              # the same numbers, which transformers reads as height, width
ASPECT_RATIO = "anyres_max_9"
TOWER = dict(model_type="siglip_vision_model", hidden_size=72, intermediate_size=112, num_hidden_layers=3, num_attention_heads=3,
             patch_size=14, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6, vision_use_head=False, image_size=SIDE)


class LlavaOnevision(GoldenCase):
    name, seed, image_size, vocabulary_type = "llava-onevision", 52, SIDE, QwenVocabulary
    about = "LLaVA-OneVision: SigLIP tower with a tile that is no multiple of the patch, 36 pinpoints, anyres_max_9, Qwen2 text side"
    prompts = reference.wordings(qwen=reference.QWEN)
    picture_names, pair, largest_pixels = ("native62", "wide", "tall", "page", "small", "square"), ("wide", "small"), 150_000
    keys = {**LEGACY_KEYS, "clip.projector_type": "mlp", "clip.vision.block_count": 3, "clip.vision.mm_projector_type": "mlp2x_gelu",
            "clip.vision.image_aspect_ratio": ASPECT_RATIO, "clip.vision.mm_patch_merge_type": "spatial_unpad",
            "clip.vision.image_grid_pinpoints": [side for pinpoint in PINPOINTS for side in pinpoint]}

    def config(self, vision, text):
        turned = [[height, width] for width, height in PINPOINTS]
        size = {"height": SIDE, "width": SIDE}
        self.processor = LlavaOnevisionImageProcessorPil(size=size, image_grid_pinpoints=AS_PUBLISHED, image_mean=MEAN, image_std=STD)
        return transformers.LlavaOnevisionForConditionalGeneration, transformers.LlavaOnevisionConfig(
            vision_config=TOWER, text_config=dict(text, model_type="qwen2"), image_token_index=self.placeholder,
            video_token_index=self.vocabulary.tokens.index("<video>"), vision_feature_layer=-1, vision_aspect_ratio=ASPECT_RATIO,
            image_grid_pinpoints=turned, attn_implementation="eager")

    def prepare(self, image):
        pixels, plan = anyres.slices(image, SIDE, PINPOINTS, MEAN, STD)
        with preprocess.horizontal_first():
            theirs = np.asarray(self.processor(image)["pixel_values"][0], dtype=np.float32)
        return {"original": pixels, "transformers": theirs}, plan

    def prepare_of_several(self, image):
        """LLaVA-VL/LLaVA-NeXT, llava/train/train.py: padded with int(255 * mean), never cut."""
        with preprocess.horizontal_first():
            theirs = np.asarray(self.processor([[image, image]])["pixel_values"][0], dtype=np.float32)
        return {"original": preprocess.llava_original(image, SIDE, "pad", MEAN, STD), "transformers": theirs}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        states = self.model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states
        several = torch.tensor([2]) if len(pixels) == 1 else None
        sizes = torch.tensor([[image.height, image.width]])
        with anyres.original_unpad(modeling_llava_onevision):
            if several is None:
                return states[-1], self.model.get_image_features(torch.from_numpy(pixels)[None], sizes).pooler_output[0]
            packed = self.model.get_image_features(torch.from_numpy(np.stack([pixels, pixels])), sizes.expand(2, 2), batch_num_images=several)
            return states[-1], packed.pooler_output[0]

    def class_logits(self, ids, pixels, images):
        count = max(len(p) for p in pixels)
        padded = np.stack([np.pad(p, [(0, count - len(p)), (0, 0), (0, 0), (0, 0)]) for p in pixels])
        sizes = torch.tensor([[image.height, image.width] for image in images])
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(padded), image_sizes=sizes, batch_num_images=torch.tensor([len(images)])).logits[0, -1]

    def export(self, folder):
        """As the legacy converter writes a SigLIP tower: no activation key, feed-forward names exchanged, all blocks it was given."""
        tensors = {**projector_tensors(self.model), "model.image_newline": self.model.model.image_newline,
                   **gguf_files.tower_tensors(self.model.model.vision_tower, blocks=3, swapped=True, fused=False, post_norm=False)}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.model.config.vision_config, tensors, self.keys, MEAN, STD)
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}
