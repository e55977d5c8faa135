"""LLaVA-OneVision with videos and several pictures, and LLaVA-NeXT-Interleave, from transformers' classes."""
import numpy as np
import torch
import transformers
from transformers.models.llava_onevision import modeling_llava_onevision
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import anyres
import gguf_files
import pooling
import preprocess
import reference
from golden_case import LEGACY_KEYS, projector_tensors
from video_case import VideoCase
from vocabulary import QwenVocabulary

SIDE = 76                                                                              # five patches of 14 and six pixels that no patch sees
MEAN = STD = (0.5, 0.5, 0.5)
PINPOINTS = [(columns * SIDE, rows * SIDE) for columns in range(1, 7) for rows in range(1, 7)]      # width in the outer loop
TOWER = dict(model_type="siglip_vision_model", hidden_size=72, intermediate_size=112, num_hidden_layers=3, num_attention_heads=3,
             patch_size=14, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6, vision_use_head=False, image_size=SIDE)


class SiglipCase(VideoCase):
    """A SigLIP tower and Qwen2: the authors' processor stretches to the tower's square."""
    image_size, vocabulary_type, video_token, videos = SIDE, QwenVocabulary, "<video>", {"clip.3": 3}
    prompts, largest_pixels = reference.wordings(qwen=reference.QWEN), 100_000
    keys = {**LEGACY_KEYS, "clip.projector_type": "mlp", "clip.vision.block_count": 3, "clip.vision.mm_projector_type": "mlp2x_gelu"}

    def stretched(self, image):
        """LLaVA-VL/LLaVA-NeXT, llava/model/multimodal_encoder/siglip_encoder.py, SigLipImageProcessor: to the square, no aspect kept."""
        pixels = preprocess.normalise(preprocess.resize(image, (SIDE, SIDE)), MEAN, STD)
        processor = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})
        with preprocess.horizontal_first():
            assert np.array_equal(pixels, np.asarray(processor(image)["pixel_values"][0], dtype=np.float32))
        return pixels

    def prepare_frames(self, frames):
        return np.stack([self.stretched(frame) for frame in frames])

    def states(self, pixels):
        return self.model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states[-1]

    def export(self, folder):
        """As the legacy converter writes a SigLIP tower: no activation key, feed-forward names exchanged, all blocks it was given."""
        tensors = {**projector_tensors(self.model), **self.newline_tensors(),
                   **gguf_files.tower_tensors(self.model.model.vision_tower, blocks=3, swapped=True, fused=False, post_norm=False)}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.model.config.vision_config, tensors, self.keys, MEAN, STD)
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}

    def newline_tensors(self):
        return {}


class LlavaOnevisionVideo(SiglipCase):
    name, seed = "llava-onevision-video", 55
    about = "LLaVA-OneVision: a video is reduced bilinearly from five cells a side to three, one newline at its end; no key says so; pairs are padded and not cut"
    picture_names, pair = ("shapes", "tall", "small"), ("tall", "small")
    keys = {**SiglipCase.keys, "clip.vision.image_aspect_ratio": "anyres_max_9", "clip.vision.mm_patch_merge_type": "spatial_unpad",
            "clip.vision.image_grid_pinpoints": [side for pinpoint in PINPOINTS for side in pinpoint]}

    def config(self, vision, text):
        turned = [[height, width] for width, height in PINPOINTS]
        self.processor = LlavaOnevisionImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=[list(p) for p in PINPOINTS],
                                                         image_mean=MEAN, image_std=STD)
        return transformers.LlavaOnevisionForConditionalGeneration, transformers.LlavaOnevisionConfig(
            vision_config=TOWER, text_config=dict(text, model_type="qwen2"), image_token_index=self.placeholder,
            video_token_index=self.vocabulary.tokens.index("<video>"), vision_feature_layer=-1, vision_aspect_ratio="anyres_max_9",
            image_grid_pinpoints=turned, attn_implementation="eager")

    def newline_tensors(self):
        return {"model.image_newline": self.model.model.image_newline}

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
        sizes, given = torch.tensor([[image.height, image.width]]), torch.from_numpy(pixels)[None]
        alone = len(pixels) > 1
        with anyres.original_unpad(modeling_llava_onevision):
            packed = self.model.get_image_features(given if alone else given.expand(2, *given.shape[1:]), sizes if alone else sizes.expand(2, 2),
                                                   batch_num_images=None if alone else torch.tensor([2]))
        return self.states(pixels), packed.pooler_output[0]

    @torch.no_grad()
    def encode_video(self, pixels):
        """The class, and the authors' get_2dPool with one newline at the end, which is their default."""
        theirs = self.model.get_video_features(torch.from_numpy(pixels)[None]).pooler_output[0]
        newline, features = self.model.model.image_newline, self.states(pixels)
        rows = pooling.embeddings(features, self.model.model.multi_modal_projector, newline, "bilinear", "post_projector", "one_token")
        assert (torch.cat([theirs, newline[None]]) - rows).abs().max() < 1e-5
        return features, rows

    def class_logits_of(self, ids, pixels, images, clips_shown):
        given = {}
        if pixels:
            count = max(len(p) for p in pixels)
            padded = np.stack([np.pad(p, [(0, count - len(p)), (0, 0), (0, 0), (0, 0)]) for p in pixels])
            given = {"pixel_values": torch.from_numpy(padded), "image_sizes": torch.tensor([[image.height, image.width] for image in images]),
                     "batch_num_images": torch.tensor([len(images)])}
        if clips_shown:
            given["pixel_values_videos"] = torch.from_numpy(np.stack(clips_shown))
        return self.model(input_ids=ids, **given).logits[0, -1]


class LlavaInterleave(SiglipCase):
    name, seed = "llava-interleave", 57
    about = "LLaVA-NeXT-Interleave: every picture and every frame stretched to the square, its rows as they are: nothing cut, pooled or added; in front and in their places"
    picture_names, pair, videos = ("shapes", "wide", "small", "native"), ("shapes", "wide"), {"clip.3": 3}
    keys = {**SiglipCase.keys, "clip.vision.image_aspect_ratio": "square", "clip.vision.mm_patch_merge_type": "flat"}
    # playground/demo/interleave_demo.py: all in front, nothing between them, then a line end and the text; or where the text has them.
    further = [("front.qwen", reference.QWEN.format(reference.MEDIA * 3 + "\n{}"), ["shapes", "clip.3", "small"]),
               ("places.qwen", reference.QWEN.format(f"Is {reference.MEDIA} in {reference.MEDIA} or in\n{reference.MEDIA}? {{}}"), ["small", "clip.3", "wide"])]

    def config(self, vision, text):
        return transformers.LlavaForConditionalGeneration, transformers.LlavaConfig(
            vision_config=TOWER, text_config=dict(text, model_type="qwen2"), image_token_index=self.placeholder, vision_feature_layer=-1,
            vision_feature_select_strategy="full", projector_hidden_act="gelu", attn_implementation="eager")

    def prepare(self, image):
        pixels = self.stretched(image)[None]
        return {"original": pixels, "transformers": pixels}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        return self.states(pixels), torch.cat(list(self.model.get_image_features(torch.from_numpy(pixels)).pooler_output))

    encode_video = lambda self, pixels: self.encode(pixels, None)

    def class_logits_of(self, ids, pixels, images, clips_shown):
        """A video is frames in the places of pictures (playground/demo/interleave_demo.py), so the class sees them all as pictures, in order."""
        video, each = self.vocabulary.tokens.index("<video>"), (SIDE // 14) ** 2
        places = ids[0][(ids[0] == video) | (ids[0] == self.placeholder)][::each]
        pictures, frames = iter(pixels), iter([frame[None] for clip in clips_shown for frame in clip])
        shown = [next(frames if token == video else pictures) for token in places]
        ids = torch.where(ids == video, self.placeholder, ids)
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate(shown))).logits[0, -1]
