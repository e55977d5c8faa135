"""Goldens of BLIP-2 from transformers' class with random weights. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import gguf
import numpy as np
import torch
import transformers

import gguf_files

from clip_vit import NAMES, ClipVision
from flan_t5 import T5Vocabulary
from golden_case import main
from qformer_case import LAVIS_EPSILON, LAVIS_FORMER, LAVIS_VISION, VISION, EncoderDecoder, QFormerCase
from reference import MEDIA
from vocabulary import BytePairVocabulary


class Blip2(EncoderDecoder, transformers.Blip2ForConditionalGeneration):
    pass


class Blip2Case(QFormerCase):
    """BLIP-2 with FLAN-T5: the picture's rows, the question and </s> in front of the encoder; the answer behind the decoder's start."""
    name, seed, vocabulary_type = "blip2-flan-t5", 301, T5Vocabulary
    about = "BLIP-2 with FLAN-T5: stretched; ViT-g with its class token, 8 queries, gated GELU with erf, a head of its own"
    prompts = {"raw": MEDIA + "{}", "chat": MEDIA + "Question: {} Short answer:"}

    def config(self, vision, text):
        config = transformers.Blip2Config(vision_config=self.tower, qformer_config=self.former, text_config=self.text_config(text), num_query_tokens=8,
                                          image_token_index=self.placeholder)
        config.text_config.dense_act_fn = "gelu"     # as released (salesforce/LAVIS, blip2_t5.py); T5Config's constructor knows gelu_new only
        return Blip2, config

    @torch.no_grad()
    def encode(self, pixels, image):
        made = self.model.get_image_features(torch.from_numpy(pixels))
        return made.last_hidden_state, made.pooler_output.flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate(pixels)), decoder_input_ids=torch.tensor([[0]])).logits[0, -1]


class Blip2Lavis(Blip2Case):
    """Dimensions that LAVIS' files tell; salesforce/LAVIS, blip2_t5.py computes what the class does."""
    name, seed, picture_names = "blip2-flan-t5-lavis", 302, ("tall", "shapes", "dark")
    about = "BLIP-2 with FLAN-T5 as LAVIS released it: heads of 88 and 64, the tower's norm with 1e-5"
    tower, former, norm_epsilon = LAVIS_VISION, LAVIS_FORMER, LAVIS_EPSILON


class Blip2LavisClip(Blip2Case):
    """blip2_pretrained_flant5xl_vitL: CLIP's ViT-L in EVA's place, told by nothing but its tensors."""
    name, seed, picture_names = "blip2-flan-t5-vitl", 303, ("tall", "shapes", "dark")
    about = "BLIP-2 with FLAN-T5 and CLIP's ViT-L as LAVIS released it: a norm before the blocks, quick GELU, all tokens of the last block"
    tower, former = dict(VISION, hidden_size=128, num_attention_heads=2, num_hidden_layers=2), LAVIS_FORMER

    def adapt(self, model):
        model.vision_model = ClipVision(model.config.vision_config)
        model.config.vision_config.layer_norm_eps = 1e-5
        return super().adapt(model)

    def vision_tensors(self):
        named = super().vision_tensors()
        return {gguf_files.rename(NAMES, name) if name.startswith("vision_model.") else name: tensor for name, tensor in named.items()}

    def keys(self):
        return {**super().keys(), "clip.use_gelu": False, "clip.vision.post_norm_epsilon": LAVIS_EPSILON}


class OptVocabulary(BytePairVocabulary):
    """GPT-2's way of cutting words; </s> stands behind the picture, and an answer ends with a newline."""
    pre, specials, whole_words_first, starts_behind_rows = "gpt-2", ["<s>", "<pad>", "</s>", "<image>"], False, True
    bos_text, eos_text, placeholder_text = "</s>", "Ċ", "<image>"

    def _load(self):
        from tokenizers import pre_tokenizers
        tokenizer = super()._load()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return tokenizer


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


class Causal(transformers.Blip2ForConditionalGeneration):
    @property
    def lm_head(self):
        return self.language_model.lm_head

    def answer(self, inputs):
        return Steps(self.language_model, inputs)


class Blip2OptCase(Blip2Case):
    """BLIP-2 with OPT: the picture's rows in front of the start token, learned positions, ReLU, the embedding table as head."""
    name, seed, vocabulary_type, language = "blip2-opt", 318, OptVocabulary, "opt"
    about = "BLIP-2 with OPT: rows before the start token, learned positions, ReLU, a tied head"
    prompts = {"raw": MEDIA + "{}", "chat": MEDIA + "Question: {} Answer:"}
    NAMES = [("model.decoder.", ""), ("embed_tokens", "token_embd"), ("embed_positions", "position_embd"), ("self_attn_layer_norm", "attn_norm"),
             ("self_attn.out_proj", "attn_output"), ("self_attn.", ""), ("q_proj", "attn_q"), ("k_proj", "attn_k"), ("v_proj", "attn_v"), ("fc1", "ffn_up"),
             ("fc2", "ffn_down"), ("layers.", "blk.")]

    def text_config(self, text):
        return dict(model_type="opt", vocab_size=text["vocab_size"], hidden_size=64, ffn_dim=128, num_hidden_layers=3, num_attention_heads=4,
                    max_position_embeddings=256, word_embed_proj_dim=64, pad_token_id=1, bos_token_id=self.vocabulary.bos,
                    eos_token_id=self.vocabulary.eos, attn_implementation="eager")

    def config(self, vision, text):
        config = transformers.Blip2Config(vision_config=self.tower, qformer_config=self.former, text_config=self.text_config(text), num_query_tokens=8,
                                          image_token_index=self.placeholder)
        return Causal, config

    def build(self):
        """With a table that is also the head, a token would follow itself if it stood as large in the residuals as the blocks' outputs."""
        model = super().build()
        with torch.no_grad():
            model.language_model.model.decoder.embed_tokens.weight *= 0.125
        return model

    def class_logits(self, ids, pixels, images):
        return self.model(input_ids=ids, pixel_values=torch.from_numpy(np.concatenate(pixels))).logits[0, -1]

    def write_opt(self, path):
        writer, config, vocabulary = gguf.GGUFWriter(path, arch="opt"), self.model.config.text_config, self.vocabulary
        writer.add_name(self.name)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.ffn_dim)
        writer.add_head_count(config.num_attention_heads)
        writer.add_layer_norm_eps(1e-5)
        writer.add_tokenizer_model(vocabulary.model)
        writer.add_tokenizer_pre(vocabulary.pre)
        writer.add_token_list(vocabulary.tokens)
        writer.add_token_types(vocabulary.types)
        vocabulary.write(writer)
        writer.add_bos_token_id(vocabulary.bos)
        writer.add_eos_token_id(vocabulary.bos)
        writer.add_eot_token_id(vocabulary.eos)
        writer.add_add_bos_token(True)
        for key, tensor in self.model.language_model.state_dict().items():
            if key == "lm_head.weight":
                continue
            name = gguf_files.rename(self.NAMES, key)
            name = name.replace("final_layer_norm", "ffn_norm" if name.startswith("blk.") else "output_norm")
            gguf_files._add(writer, name, tensor, full=["position_embd.weight"])
        gguf_files._finish(writer)

    def export(self, folder):
        write, gguf_files.write_language = gguf_files.write_language, lambda path, *_, **__: self.write_opt(path)
        made = super().export(folder)
        gguf_files.write_language = write
        return made


if __name__ == "__main__":
    main([Blip2Case(), Blip2Lavis(), Blip2LavisClip(), Blip2OptCase()], HERE, sys.argv[1:])
