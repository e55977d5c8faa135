"""Small vocabularies of the four language models, with the special tokens that InternVL adds (internvl_chat/internvl/train/constants.py)."""
from vocabulary import CHATML, BytePairVocabulary, QwenVocabulary, SentencePieceVocabulary

BEGIN, END, CONTEXT = PICTURE = ["<img>", "</img>", "<IMG_CONTEXT>"]


class InternLm2Vocabulary(SentencePieceVocabulary):
    specials, space_prefix = CHATML + PICTURE, False
    eos_text, placeholder_text = "<|im_end|>", CONTEXT


class Phi3Vocabulary(SentencePieceVocabulary):
    specials, space_prefix = ["<|endoftext|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"] + PICTURE, True
    eos_text, placeholder_text = "<|end|>", CONTEXT


class Llama3Vocabulary(BytePairVocabulary):
    specials = BytePairVocabulary.specials + CHATML + PICTURE
    eos_text, placeholder_text = "<|im_end|>", CONTEXT


class Qwen2Vocabulary(QwenVocabulary):
    specials = ["<|endoftext|>"] + CHATML + PICTURE
    placeholder_text = CONTEXT
