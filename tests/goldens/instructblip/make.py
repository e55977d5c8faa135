"""Goldens of InstructBLIP from transformers' class with random weights. See README.md."""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import numpy as np
import torch
import transformers

import reference
import store
import word_pieces
from corpus import CORPUS
from flan_t5 import T5Vocabulary
from golden_case import _save_pixels, main
from qformer_case import LAVIS_EPSILON, LAVIS_FORMER, LAVIS_VISION, EncoderDecoder, QFormerCase
from reference import MEDIA
from vocabulary import SentencePieceVocabulary


class VicunaVocabulary(SentencePieceVocabulary):
    """Its start token is </s>, and stands behind the picture (salesforce/LAVIS, blip2_vicuna_instruct.py)."""
    bos, starts_behind_rows = 2, True
    tokenizer_config = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>"}


class Seq2Seq(EncoderDecoder, transformers.InstructBlipForConditionalGeneration):
    pass


class Steps:
    """An answer of the class's language model, which is a whole causal one."""
    def __init__(self, language, inputs):
        self.language, self.rows, self.cache = language, inputs, None

    def start(self):
        out = self.language(inputs_embeds=self.rows, past_key_values=self.cache, use_cache=True)
        self.cache = out.past_key_values
        return out.logits[0, -1]

    def next(self, token):
        self.rows = self.language.get_input_embeddings()(torch.tensor([[token]]))
        return self.start()


class Causal(transformers.InstructBlipForConditionalGeneration):
    @property
    def lm_head(self):
        return self.language_model.lm_head

    def answer(self, inputs):
        return Steps(self.language_model, inputs)


class InstructCase(QFormerCase):
    """What a picture becomes depends on what is asked, so each run has entries of its own for its pictures."""
    prompts = {"raw": MEDIA + "{}"}

    def config(self, vision, text):
        self.word_pieces = word_pieces.WordPieces(CORPUS)
        former = dict(self.former, vocab_size=len(self.word_pieces.pieces), max_position_embeddings=64)
        config = transformers.InstructBlipConfig(vision_config=self.tower, qformer_config=former, text_config=self.text_config(text), num_query_tokens=8,
                                                 image_token_index=self.placeholder)
        if self.language == "t5":
            config.text_config.dense_act_fn = "gelu"
        return (Seq2Seq if self.language == "t5" else Causal), config

    def keys(self):
        return {**super().keys(), "clip.qformer.tokens": self.word_pieces.pieces}

    def asked(self, count=1):
        ids = torch.tensor([self.word_pieces.encode(self.instruction)] * count)
        return {"qformer_input_ids": ids, "qformer_attention_mask": torch.ones_like(ids)}

    @torch.no_grad()
    def encode(self, pixels, image):
        made = self.model.get_image_features(torch.from_numpy(pixels), **self.asked())
        return made.last_hidden_state, made.pooler_output.flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        more = {"decoder_input_ids": torch.tensor([[0]])} if self.language == "t5" else {}
        asked = self.asked(len(pixels))
        return self.model(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=torch.from_numpy(np.concatenate(pixels)), **asked, **more).logits[0, -1]

    def _show(self, folder):
        self.entries, self.instruction = {}, ""
        for name, image in self.images.items():
            self.prepared[name] = self.prepare(image)[0]["original"]
        return self.entries, list(self.pair)

    def ask(self, folder, label, prompts, shown):
        for prompt in prompts:
            self.instruction = prompt.replace(MEDIA, "")
            self.embeddings = {name: self.encode(self.prepared[name], None)[1] for name in self.images}
            run = reference.run(self.model, self.vocabulary, prompt, shown, self.embeddings, self.surroundings)
            if run:
                return self.entry_of(folder, label, run)
        raise SystemExit(f"no clear prompt for {shown}: take another seed")

    def entry_of(self, folder, label, run):
        if run.pictures:
            self.check_class(run)
        names = {picture: picture if label == f"{picture}.raw" else f"{picture}.{label.split('.')[0]}" for picture in run.pictures}
        for picture, name in names.items():
            features, rows = self.encode(self.prepared[picture], None)
            pixels = _save_pixels(folder, picture, {"original": self.prepared[picture]}, self.largest_pixels)
            self.entries[name] = {"file": f"../../pictures/{picture}.png", "width": self.images[picture].width, "height": self.images[picture].height,
                                  "instruction": self.instruction, "tokens": len(rows), "pixels": pixels, "features": store.save(folder, f"{picture}.features", features),
                                  "embeddings": store.save(folder, f"{name}.embeddings", rows)}
        spans = [{**span, "picture": names[span["picture"]]} if "picture" in span else span for span in run.spans]
        print(f"  {label:16} margin {run.margin:.3f} drift {run.drift:.4f} distinct {len(set(run.tokens)):2} {run.tokens[:8]}", flush=True)
        return {"name": label, "pictures": list(names.values()), "prompt": run.prompt, "spans": spans, "logits": store.save(folder, f"{label}.logits", run.logits),
                "tokens": run.tokens, "margin": round(run.margin, 4), "drift": round(run.drift, 4)}


class InstructT5(InstructCase):
    name, seed, vocabulary_type = "instructblip-flan-t5", 311, T5Vocabulary
    about = "InstructBLIP with FLAN-T5: the Q-Former reads the question too"
    picture_names = ("native", "tall", "shapes", "dark")


class InstructVicuna(InstructCase):
    name, seed, vocabulary_type, language = "instructblip-vicuna", 312, VicunaVocabulary, "llama"
    about = "InstructBLIP with Vicuna: picture, </s> as the start token, question"
    picture_names = ("native", "tall", "wide", "shapes", "dark")


class InstructLavis(InstructVicuna):
    name, seed, picture_names = "instructblip-vicuna-lavis", 313, ("tall", "shapes", "dark")
    about = "InstructBLIP with Vicuna as LAVIS released it: heads of 88 and 64, the tower's norm with 1e-5"
    tower, former, norm_epsilon = LAVIS_VISION, LAVIS_FORMER, LAVIS_EPSILON


if __name__ == "__main__":
    main([InstructT5(), InstructVicuna(), InstructLavis()], HERE, sys.argv[1:])
    pieces = word_pieces.WordPieces(CORPUS)
    (HERE / "wordpiece.json").write_text(json.dumps({"pieces": pieces.pieces, "texts": [{"text": text, "ids": pieces.encode(text)} for text in word_pieces.TEXTS]},
                                                    indent=0) + "\n")
