"""Goldens of BLIP-2 from transformers' class with random weights. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import numpy as np
import torch
import transformers

from flan_t5 import T5Vocabulary
from golden_case import main
from qformer_case import FORMER, VISION, EncoderDecoder, QFormerCase
from reference import MEDIA


class Blip2(EncoderDecoder, transformers.Blip2ForConditionalGeneration):
    pass


class Blip2Case(QFormerCase):
    """BLIP-2 with FLAN-T5: the picture's rows, the question and </s> in front of the encoder; the answer behind the decoder's start."""
    name, seed, vocabulary_type = "blip2-flan-t5", 301, T5Vocabulary
    about = "BLIP-2 with FLAN-T5: stretched; ViT-g with its class token, 8 queries, gated GELU with erf, a head of its own"
    prompts = {"raw": MEDIA + "{}", "chat": MEDIA + "Question: {} Short answer:"}

    def config(self, vision, text):
        config = transformers.Blip2Config(vision_config=VISION, qformer_config=FORMER, text_config=self.text_config(text), num_query_tokens=8,
                                          image_token_index=self.placeholder)
        config.text_config.dense_act_fn = "gelu"     # as released (salesforce/LAVIS, blip2_t5.py); T5Config's constructor knows gelu_new only
        return Blip2, config

    @torch.no_grad()
    def encode(self, pixels, image):
        made = self.model.get_image_features(torch.from_numpy(pixels))
        return made.last_hidden_state, made.pooler_output.flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate(pixels)), decoder_input_ids=torch.tensor([[0]])).logits[0, -1]


if __name__ == "__main__":
    main([Blip2Case()], HERE, sys.argv[1:])
