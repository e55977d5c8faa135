"""Goldens of BLIP-2 from transformers' class with random weights. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import numpy as np
import torch
import transformers

import flan_t5
import gguf_files
import preprocess
from golden_case import GoldenCase, main
from reference import MEDIA

# Head sizes that no kernel's vectors divide; a picture is 17 tokens for the Q-Former, which looks at them in blocks 0 and 2.
VISION = dict(hidden_size=80, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4, image_size=56, patch_size=14, attn_implementation="eager")
FORMER = dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64, vocab_size=50, attn_implementation="eager")
TOWER = [("vision_model.embeddings.class_embedding", "v.class_embd"), ("vision_model.embeddings.position_embedding", "v.position_embd.weight"),
         ("vision_model.embeddings.patch_embedding", "v.patch_embd"), ("vision_model.post_layernorm", "v.post_ln"), ("vision_model.encoder.layers", "v.blk"),
         ("self_attn.qkv", "attn_qkv"), ("self_attn.projection", "attn_out"), ("layer_norm", "ln"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
QFORMER = [("qformer.layernorm", "qformer.norm"), ("qformer.encoder.layer", "qformer.blk"), ("crossattention.attention.", "xattn_"), ("crossattention.output.dense", "xattn_out"),
           ("crossattention.output.LayerNorm", "xattn_out_norm"), ("attention.attention.", "attn_"), ("attention.output.dense", "attn_out"),
           ("attention.output.LayerNorm", "attn_out_norm"), ("attn_query", "attn_q"), ("attn_key", "attn_k"), ("attn_value", "attn_v"),
           ("intermediate_query.dense", "ffn_q_up"), ("output_query.dense", "ffn_q_down"), ("output_query.LayerNorm", "ffn_q_norm"),
           ("intermediate.dense", "ffn_up"), ("output.dense", "ffn_down"), ("output.LayerNorm", "ffn_norm"), ("language_projection", "mm.0"), ("query_tokens", "qformer.query")]


class Blip2(transformers.Blip2ForConditionalGeneration):
    """With what the shared scripts ask of a model."""
    @property
    def lm_head(self):
        return self.language_model.lm_head

    def answer(self, inputs):
        return flan_t5.Answer(self.language_model, inputs)

    def roundings(self):
        return flan_t5.LibllamaGelu(self)


class Blip2Case(GoldenCase):
    """BLIP-2 with FLAN-T5: the picture's rows, the question and </s> in front of the encoder; the answer behind the decoder's start."""
    name, seed, vocabulary_type = "blip2-flan-t5", 301, flan_t5.T5Vocabulary
    about = "BLIP-2 with FLAN-T5: stretched; ViT-g with its class token, 8 queries, gated GELU with erf, a head of its own"
    picture_names = ("native", "wide", "tall", "small", "shapes", "dark")
    prompts = {"raw": MEDIA + "{}", "chat": MEDIA + "Question: {} Short answer:"}
    language = "t5"

    def config(self, vision, text):
        config = transformers.Blip2Config(vision_config=VISION, qformer_config=FORMER, text_config=dict(flan_t5.ENCODER_DECODER, vocab_size=text["vocab_size"]),
                                          num_query_tokens=8, image_token_index=self.placeholder)
        config.text_config.dense_act_fn = "gelu"     # as released (salesforce/LAVIS, blip2_t5.py); T5Config's constructor knows gelu_new only
        return Blip2, config

    def adapt(self, model):
        model.language_model.config.decoder_start_token_id = 0
        flan_t5.untie(model.language_model)
        return model

    def prepare(self, image):
        pixels = preprocess.normalise(preprocess.resize(image, (self.image_size, self.image_size)))[None]
        from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
        with preprocess.horizontal_first():
            theirs = np.stack(BlipImageProcessorPil(size={"height": self.image_size, "width": self.image_size})(image)["pixel_values"])
        assert np.array_equal(theirs.astype(np.float32), pixels), "the processor's pixels differ"
        return {"original": pixels}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        made = self.model.get_image_features(torch.from_numpy(pixels))
        return made.last_hidden_state, made.pooler_output.flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate(pixels)), decoder_input_ids=torch.tensor([[0]])).logits[0, -1]

    def vision_tensors(self):
        state = {name: tensor for name, tensor in self.model.state_dict().items() if not name.startswith("language_model.")}
        named = {gguf_files.rename(TOWER if name.startswith("vision_model.") else QFORMER, name): tensor for name, tensor in state.items()}
        return {name: tensor.squeeze(0).squeeze(0) if name == "v.class_embd" else tensor.squeeze(0) if name in ("v.position_embd.weight", "qformer.query") else tensor
                for name, tensor in named.items()}

    def keys(self):
        return {"clip.projector_type": "qformer", "clip.use_gelu": True, "clip.vision.block_count": VISION["num_hidden_layers"],
                "clip.qformer.attention.head_count": FORMER["num_attention_heads"], "clip.vision.projector.language": self.language}

    def export(self, folder):
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.model.config.vision_config, self.vision_tensors(), self.keys(), preprocess.CLIP_MEAN, preprocess.CLIP_STD,
                                full=["v.position_embd.weight"])
        self.write_language(folder / "language-f16.gguf")
        return {}

    def write_language(self, path):
        flan_t5.write_language(path, self.name, self.model.language_model, self.vocabulary)


if __name__ == "__main__":
    main([Blip2Case()], HERE, sys.argv[1:])
