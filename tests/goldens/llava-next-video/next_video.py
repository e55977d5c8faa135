"""LLaVA-NeXT-Video from transformers' LlavaNextVideoForConditionalGeneration, and what the authors' code makes of the same weights."""
import itertools

import numpy as np
import torch
import transformers
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next_video import modeling_llava_next_video

import anyres
import gguf_files
import pooling
import preprocess
import store
from golden_case import LEGACY_KEYS, LEGACY_LAYOUT, projector_tensors
from video_case import VideoCase
from vocabulary import SentencePieceVocabulary

POOL = "clip.vision.mm_spatial_pool_"


class LlavaNextVideo(VideoCase):
    name, seed, image_size, vocabulary_type, video_token = "llava-next-video", 44, 70, SentencePieceVocabulary, "</s>"
    about = "LLaVA-NeXT-Video as transformers has it: frames pooled before the connector, no newline; five patches a side, of which pooling keeps four"
    mode, position, newline = "average", "pre_projector", "no_token"
    rope, language_keys = {}, {}

    @property
    def pinpoints(self):
        """Width and height."""
        side = self.image_size
        return [(side, 2 * side), (2 * side, side), (2 * side, 2 * side), (3 * side, side), (side, 3 * side)]

    def config(self, vision, text):
        published = [list(pinpoint) for pinpoint in self.pinpoints]                   # which transformers reads as height, width
        turned = [[height, width] for width, height in self.pinpoints]
        self.turned_processor, self.published_processor = (LlavaNextImageProcessorPil(
            size={"shortest_edge": self.image_size}, crop_size={"height": self.image_size, "width": self.image_size}, image_grid_pinpoints=pinpoints)
            for pinpoints in (turned, published))
        return transformers.LlavaNextVideoForConditionalGeneration, transformers.LlavaNextVideoConfig(
            vision_config=vision, text_config=dict(text, model_type="llama", **self.rope), image_token_index=self.placeholder,
            video_token_index=self.vocabulary.tokens.index(self.video_token), vision_feature_layer=-2, projector_hidden_act="gelu",
            image_grid_pinpoints=turned, spatial_pool_mode="average", spatial_pool_stride=2, attn_implementation="eager")

    def prepare(self, image):
        pixels, plan = anyres.slices(image, self.image_size, self.pinpoints, preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        anyres.check_against(self.turned_processor, image, pixels)
        with preprocess.horizontal_first():
            theirs = np.asarray(self.published_processor(image)["pixel_values"][0], dtype=np.float32)
        return {"original": pixels, "transformers": theirs}, plan

    def prepare_frames(self, frames):
        """The CLIP processor: shortest edge, then the centre square (the same in transformers' video processor and the authors' demo)."""
        pixels = np.concatenate([preprocess.llava_original(frame, self.image_size, None) for frame in frames])
        theirs = np.concatenate([preprocess.clip_transformers(frame, self.image_size) for frame in frames])
        assert np.array_equal(pixels, theirs)
        return pixels

    @torch.no_grad()
    def encode(self, pixels, image):
        states = self.model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states
        with anyres.original_unpad(modeling_llava_next_video):
            packed = self.model.get_image_features(torch.from_numpy(pixels)[None], torch.tensor([[image.height, image.width]]))
        return states[-2][:, 1:], packed.pooler_output[0]

    @torch.no_grad()
    def encode_video(self, pixels):
        features = self.model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states[-2][:, 1:]
        model = self.model.model
        rows = pooling.embeddings(features, model.multi_modal_projector, model.image_newline, self.mode, self.position, self.newline)
        if (self.mode, self.position, self.newline) == ("average", "pre_projector", "no_token"):
            theirs = self.model.get_video_features(torch.from_numpy(pixels)[None]).pooler_output[0].flatten(0, 1)
            assert (theirs - rows).abs().max() < 1e-5, "the class pools otherwise"
        return features, rows

    def class_logits_of(self, ids, pixels, images, clips_shown):
        """The class has no newline after a video: where the case has one, nothing can be checked."""
        if clips_shown and self.newline != "no_token":
            return None
        given = {}
        if pixels:
            count = max(len(p) for p in pixels)
            padded = np.stack([np.pad(p, [(0, count - len(p)), (0, 0), (0, 0), (0, 0)]) for p in pixels])
            given = {"pixel_values": torch.from_numpy(padded), "image_sizes": torch.tensor([[image.height, image.width] for image in images])}
        if clips_shown:
            given["pixel_values_videos"] = torch.from_numpy(np.stack(clips_shown))
        return self.model(input_ids=ids, **given).logits[0, -1]

    def variants(self, folder, pixels):
        """Every way to pool and to put newlines, on the weights of this case."""
        features, entries, model = self.features_of(pixels), [], self.model.model
        for mode, where, newline in itertools.product(pooling.MODES, pooling.POSITIONS, pooling.NEWLINES):
            with torch.no_grad():
                rows = pooling.embeddings(features, model.multi_modal_projector, model.image_newline, mode, where, newline)
            keys = {POOL + "mode": mode, POOL + "position": where, "clip.vision.mm_newline_position": newline}
            file = store.save(folder, f"variant.{mode}.{where.split('_')[0]}.{newline}.embeddings", rows)
            entries.append({"keys": keys, "video": next(iter(self.videos)), "tokens": len(rows), "embeddings": file})
        return entries

    @torch.no_grad()
    def features_of(self, pixels):
        return self.model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states[-2][:, 1:]

    def keys(self):
        return {**LEGACY_KEYS, "clip.projector_type": "mlp", "clip.vision.block_count": 3, "clip.vision.mm_projector_type": "mlp2x_gelu",
                "clip.vision.image_aspect_ratio": "anyres", "clip.vision.mm_patch_merge_type": "spatial_unpad",
                "clip.vision.image_grid_pinpoints": [side for pinpoint in self.pinpoints for side in pinpoint],
                POOL + "mode": self.mode, POOL + "stride": 2, POOL + "position": self.position, "clip.vision.mm_newline_position": self.newline}

    def export(self, folder):
        model = self.model.model
        tensors = {**projector_tensors(self.model), "model.image_newline": model.image_newline, **gguf_files.tower_tensors(model.vision_tower, **LEGACY_LAYOUT)}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.model.config.vision_config, tensors, self.keys(), preprocess.CLIP_MEAN, preprocess.CLIP_STD)
        gguf_files.write_language(folder / "language-f16.gguf", self.language_of or self.name, self.model, self.vocabulary, keys=self.language_keys)
        return {}


class LlavaNextVideoRelease(LlavaNextVideo):
    name, seed, image_size = "llava-next-video-release", 45, 56
    about = "LLaVA-NeXT-Video as released in April 2024: pooled before the connector, one newline at the very end; linear RoPE scaling by 2, as for 32 frames"
    newline, videos = "one_token", {"clip.5": 5, "clip.11": 11}
    rope = {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}}
    language_keys = {"rope.scaling.type": "linear", "rope.scaling.factor": 2.0}

    def variants(self, folder, pixels):
        return []
