"""The shared vocabularies with MiniCPM-V's tokens in them: each is one token wherever its text stands."""
from vocabulary import CHATML, BytePairVocabulary, QwenVocabulary, SentencePieceVocabulary

IMAGE_TOKENS = ["<image>", "</image>", "<slice>", "</slice>"]
NUMBER_TOKENS = ["<image_id>", "</image_id>"]


class Qwen2Vocabulary(QwenVocabulary):
    """Qwen2's splitting, with Llama 3's special tokens before its own; the file names no start token."""
    specials = [*BytePairVocabulary.specials, *CHATML, *IMAGE_TOKENS, *NUMBER_TOKENS, "<unk>"]
    bos_text, eos_text, placeholder_text = None, BytePairVocabulary.eos_text, "<unk>"


class Qwen35Vocabulary(Qwen2Vocabulary):
    """Qwen3.5's splitting, in which marks count as letters; the class's placeholder is a token too."""
    pre, placeholder_text = "qwen35", "<|image_pad|>"
    specials = [*Qwen2Vocabulary.specials, "<|image_pad|>"]
    # transformers v5.12, models/qwen3_5/tokenization_qwen3_5.py
    SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|"
             r"\s+(?!\S)|\s+")


class Llama3Vocabulary(BytePairVocabulary):
    specials = [*BytePairVocabulary.specials, "<|start_header_id|>", "<|end_header_id|>", *IMAGE_TOKENS, "<unk>"]
    placeholder_text = "<unk>"


class MiniCpmVocabulary(SentencePieceVocabulary):
    specials, special_score = [*IMAGE_TOKENS, "<用户>", "<AI>"], 0.0


class MiniCpm4Vocabulary(SentencePieceVocabulary):
    specials, special_score = [*IMAGE_TOKENS, *NUMBER_TOKENS, *CHATML], 0.0
