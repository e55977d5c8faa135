"""MiniCPM-V 4.6 by transformers' own class: a tower with a merger between its blocks, a second one behind it, and Qwen3.5."""
import re
import types

import numpy as np
import torch
import transformers
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.minicpmv4_6.processing_minicpmv4_6 import MiniCPMV4_6Processor

import gguf_files
import preprocess
import qwen35
import slices
from reference import wordings
from sliced_case import SlicedCase
from vocabularies import Qwen35Vocabulary

SCALE, PATCH, MERGED = 112, 14, 56
PAD, BETWEEN = "<|image_pad|>", "\x00"
TOKENS = dict(image_token=PAD, video_token="<|video_pad|>", image_start_token="<image>", image_end_token="</image>", slice_start_token="<slice>",
              slice_end_token="</slice>", image_id_start_token="<image_id>", image_id_end_token="</image_id>")
QWEN35 = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
VISION = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, image_size=980, patch_size=PATCH)
LINEAR = dict(linear_key_head_dim=16, linear_value_head_dim=16, linear_num_key_heads=4, linear_num_value_heads=4)
ROPE = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25, mrope_section=[2, 1, 1], mrope_interleaved=True)
TOWER = [("vit_merger.self_attn.out_proj", "v.vit_merger.attn_out"), ("vit_merger.self_attn.q_proj", "v.vit_merger.attn_q"),
         ("vit_merger.self_attn.k_proj", "v.vit_merger.attn_k"), ("vit_merger.self_attn.v_proj", "v.vit_merger.attn_v"),
         ("vit_merger.layer_norm1", "v.vit_merger.ln1"), ("vit_merger.pre_norm", "v.vit_merger.ds_ln"),
         ("vit_merger.linear_1", "v.vit_merger.ds_ffn_up"), ("vit_merger.linear_2", "v.vit_merger.ds_ffn_down")]
MERGER = [("mlp.0.pre_norm", "mm.input_norm"), ("mlp.0.linear_1", "mm.up"), ("mlp.0.linear_2", "mm.down")]


class V46(SlicedCase):
    name, seed, vocabulary_type, image_size = "minicpm-v-4.6", 70, Qwen35Vocabulary, SCALE
    about = "MiniCPM-V 4.6: slices of whole squares of 4 x 4 patches, a window merger after block 1 of 4, a final merger; Qwen3.5"
    picture_names = ("native", "wide", "tall", "page", "small", "shapes", "dark")
    slicer, mean, std = slices.Slicer(SCALE, MERGED, 9), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    prompts, insert, mode, largest_pixels = wordings(chat=QWEN35), 1, "16x", 100_000

    def config(self, vision, text):
        text = dict(text, model_type="qwen3_5_text", num_hidden_layers=4, head_dim=32, rope_parameters=dict(ROPE), **LINEAR)
        return transformers.MiniCPMV4_6ForConditionalGeneration, transformers.MiniCPMV4_6Config(
            text_config=text, vision_config=dict(VISION), insert_layer_id=self.insert, image_size=SCALE, image_token_id=self.placeholder,
            attn_implementation="eager")

    def build(self):
        model = super().build()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if qwen35.is_shifted(name):
                    parameter.sub_(1)
                elif name.endswith("A_log"):     # long memory, so that what a picture shows is not forgotten
                    parameter.sub_(3).copy_(parameter.half().float())
        return model

    def processor(self):
        return MiniCPMV4_6ImageProcessorPil(scale_resolution=SCALE, downsample_mode=self.mode)

    def prepare(self, image):
        made = super().prepare(image)
        self.check_pixels(image, made[0]["original"])
        return made

    def packed(self, pixels, image):
        """The slices as the class takes them: [1, 3, patch, patch * patches], and rows and columns of each."""
        parts, sizes, start = [], [], 0
        for part in self.parts(image):
            length = 3 * part.width * part.height
            rows, columns = part.height // PATCH, part.width // PATCH
            patches = pixels[start:start + length].reshape(3, rows, PATCH, columns, PATCH).transpose(0, 2, 1, 3, 4)
            parts.append(patches.reshape(3, PATCH, -1))
            sizes.append([rows, columns])
            start += length
        return np.concatenate(parts, axis=-1)[None], np.array(sizes, dtype=np.int32)

    def check_pixels(self, image, pixels):
        """The class's own processor, with Pillow's pass order pinned, gives the same."""
        with preprocess.horizontal_first():
            theirs = self.processor()(image, return_tensors="np")
        mine, sizes = self.packed(pixels, image)
        assert np.array_equal(theirs["target_sizes"], sizes), f"{image.size}: sizes of slices differ"
        assert np.array_equal(np.asarray(theirs["pixel_values"], dtype=np.float32), mine), f"{image.size}: pixels differ"

    @torch.no_grad()
    def encode(self, pixels, image):
        packed, sizes = self.packed(pixels, image)
        output = self.model.model.get_image_features(torch.from_numpy(packed), torch.from_numpy(sizes), self.mode)
        return output.last_hidden_state[0], torch.cat(list(output.pooler_output))

    def class_logits(self, ids, pixels, images):
        parts = [self.packed(part, image) for part, image in zip(pixels, images)]
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate([packed for packed, _ in parts], axis=-1)),
                          target_sizes=torch.from_numpy(np.concatenate([sizes for _, sizes in parts])), downsample_mode=self.mode).logits[0, -1]

    def surroundings(self, picture, index):
        """What MiniCPMV4_6Processor writes, its placeholders counted."""
        text = self.expansion([self.images[picture]] * (index + 1)).split(BETWEEN)[index]
        return [piece.count(PAD) or piece for piece in re.split(f"((?:{re.escape(PAD)})+)", text) if piece]

    def expansion(self, images):
        """Its text for a prompt of these pictures alone; of the tokenizer it needs only the names of tokens."""
        seen = []

        def tokenizer(texts, **_):
            seen.extend(texts)
            return {}
        tokenizer.init_kwargs = {}
        kwargs = {"images_kwargs": {"return_tensors": "np"}, "videos_kwargs": {}, "text_kwargs": {}}
        processor = self.processor()
        stub = types.SimpleNamespace(**TOKENS, image_processor=processor, video_processor=processor, tokenizer=tokenizer,
                                     default_use_image_id=True, slice_mode=True, _merge_kwargs=lambda *_, **__: kwargs,
                                     _check_special_mm_tokens=lambda *_, **__: None)
        MiniCPMV4_6Processor.__call__(stub, images=images, text=BETWEEN.join([PAD] * len(images)))
        return seen[0]

    def export(self, folder):
        vision = self.model.config.vision_config
        file_config = types.SimpleNamespace(**{**vision.to_dict(), "image_size": SCALE})
        keys = {"clip.projector_type": "minicpmv4_6", "clip.use_gelu": True, "clip.vision.projection_dim": self.model.config.text_config.hidden_size,
                "clip.vision.block_count": vision.num_hidden_layers, "clip.vision.projector.scale_factor": 4 if self.mode == "16x" else 2,
                "clip.vision.wa_layer_indexes": [self.insert]}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", file_config, self.vision_tensors(), keys, self.mean, self.std)
        text = self.model.config.text_config
        gguf_files.write_language(folder / "language-f16.gguf", self.language_of or self.name, self.model, self.vocabulary, "qwen35",
                                  qwen35.keys(text), qwen35.stored(self.model.state_dict()), qwen35.NAMES, qwen35.FULL)
        return {}

    def vision_tensors(self):
        tower, merger = self.model.model.vision_tower.state_dict(), self.model.model.merger.state_dict()
        named = {gguf_files.rename(TOWER + gguf_files.TOWER + gguf_files.STRAIGHT, name): tensor for name, tensor in tower.items()}
        if self.mode == "4x":
            named = {name: tensor for name, tensor in named.items() if "vit_merger" not in name}
        return {**named, **{gguf_files.rename(MERGER, name): tensor for name, tensor in merger.items()}}


class V46Fine(V46):
    name, language_of, mode, picture_names = "minicpm-v-4.6-4x", "minicpm-v-4.6", "4x", ("tall", "small", "shapes", "dark")
    about = "MiniCPM-V 4.6 as converted with downsample_mode 4x: no merger between the blocks, four times the tokens"
