"""What transformers' processors make of <image> in a prompt: the token ids, image tokens repeated, for pictures of many sizes."""
import json

from PIL import Image
from transformers import LlavaNextProcessor, LlavaOnevisionProcessor, PreTrainedTokenizerFast
from transformers.models.llava_next import processing_llava_next
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision import processing_llava_onevision
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil

import next_cases
import onevision_case
import reference
from corpus import CORPUS
from vocabulary import QwenVocabulary

SIZES = [(56, 56), (62, 62), (40, 30), (30, 30), (183, 61), (101, 253), (900, 620), (620, 900), (1, 1), (1, 50), (50, 1), (372, 372), (1999, 7),
         (137, 136), (300, 299), (123, 4)]
PAIRS = [((183, 61), (40, 30)), ((900, 620), (900, 620))]


class StillsOnly(LlavaOnevisionProcessor):
    """Without a video processor, which would need torchvision."""

    def check_argument_for_proper_class(self, argument_name, argument):
        return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)


def processors(tokenizer):
    """Case, side of its tiles, module of its processor and the processor. Hugging Face's checkpoints have the original's numbers, and
    transformers reads each pair as height and width."""
    side = next_cases.SIDE
    images = LlavaNextImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side}, image_grid_pinpoints=next_cases.AS_PUBLISHED)
    yield "llava-1.6", side, processing_llava_next, LlavaNextProcessor(
        images, tokenizer, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1)
    side = onevision_case.SIDE
    images = LlavaOnevisionImageProcessorPil(size={"height": side, "width": side}, image_grid_pinpoints=onevision_case.AS_PUBLISHED)
    yield "llava-onevision", side, processing_llava_onevision, StillsOnly(
        images, tokenizer, num_image_tokens=16, vision_feature_select_strategy="full", vision_aspect_ratio=onevision_case.ASPECT_RATIO)


def rounded_sizes(processor, module, side, limit=6):
    """Sizes for which truncating after rounding to seven places, as transformers does, gives another count than truncating alone."""
    count, found = lambda width, height: processor._get_number_of_features(height, width, side, side), []
    for width in range(20, 400):
        for height in range(20, 400):
            rounded = count(width, height)
            module.round = lambda x, digits: x
            plain = count(width, height)
            del module.round
            if plain != rounded:
                found.append((width, height))
                if len(found) == limit:
                    return found
    return found


def runs(ids, image_token):
    """[ids] and counts of image tokens, alternating."""
    out = []
    for token in ids:
        if token == image_token:
            if out and "count" in out[-1]:
                out[-1]["count"] += 1
            else:
                out.append({"count": 1})
        elif out and "ids" in out[-1]:
            out[-1]["ids"].append(token)
        else:
            out.append({"ids": [token]})
    return out


def main(here):
    vocabulary = QwenVocabulary(CORPUS)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=vocabulary._tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>",
                                        extra_special_tokens={"image_token": "<image>", "video_token": "<video>"})
    image_token = vocabulary.tokens.index("<image>")
    entries = []
    for case, side, module, processor in processors(tokenizer):
        quirks = rounded_sizes(processor, module, side)
        print(case, "rounded:", quirks)
        for sizes in [(size,) for size in SIZES + quirks] + PAIRS:
            prompt = reference.QWEN.format("<image>\n" * len(sizes) + "What is it?")
            images = [Image.new("RGB", size) for size in sizes]
            ids = processor(images=[images], text=prompt)["input_ids"][0]
            entries.append({"case": case, "sizes": [list(size) for size in sizes], "prompt": prompt.replace("<image>", reference.MEDIA),
                            "spans": runs(ids, image_token)})
    rows = ",\n".join("  " + json.dumps(entry) for entry in entries)
    (here / "expansions.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")
