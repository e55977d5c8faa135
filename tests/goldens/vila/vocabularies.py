"""Small vocabularies of the language models that VILA uses, with the special tokens of its wordings."""
from vocabulary import CHATML, BytePairVocabulary, QwenVocabulary, SentencePieceVocabulary


class YiVocabulary(SentencePieceVocabulary):
    specials, eos_text = CHATML, "<|im_end|>"


class Llama3Vocabulary(BytePairVocabulary):
    """The wording ends a turn with <|end_of_text|>, which is why that token ends an answer."""
    specials = [*BytePairVocabulary.specials, "<|start_header_id|>", "<|end_header_id|>", "<unk>"]
    eos_text, placeholder_text = "<|end_of_text|>", "<unk>"


class NvilaVocabulary(QwenVocabulary):
    """Qwen2 with the media tokens of llava/constants.py."""
    specials = ["<|endoftext|>", *CHATML, "<image>", "<vila/video>"]
