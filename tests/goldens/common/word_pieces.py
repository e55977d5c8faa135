"""A small WordPiece vocabulary with its tokenizer, as bert-base-uncased's, with LAVIS' [DEC] behind it or without."""
import json
import unicodedata

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

LETTERS = [chr(c) for c in (*range(33, 65), *range(91, 127))] + [*"αβγδεζηθικλμνξοπρστυφχψωςабвгдежзийклмнопрстуфхцчшщъыьэюяßøłđæœ的一是不了人我在有他中大来上国日本語文字—“”‘’…€½"] + [
    chr(c) for c in (*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A8, 0x11C3))]
# Hard for BERT's rules: marks, case, other scripts, blanks, control characters, special tokens as text, words that no pieces spell.
TEXTS = ["", " ", "What is this?", "WHAT  is\tthis?\n", "Café déjà-vu naïve São Łódź Ærø", "İstanbul ISTANBUL straße ǅ", "e\u0301 \u00e9 a\u0308\u0323 n\u0303", "日本語の文字", "한국어 문장",
         "Ελληνικά ΚΑΙ кириллица Й", "a_b-c.d,e;f:g!h?i(j)[k]{l}", "don't I'LL we've", "x\u00a0y\u3000z\u200bw\u00ad", "\u0000\ufffd\u0007bell", "[CLS] [SEP] [MASK]x[DEC]", "[cls]",
         "“quotes” — … ‘so’", "¿Qué? ¡Sí!", "1234567 3.14 €5 ½", "\U0001F468\u200d\U0001F469 \u2764\ufe0f", "a" * 100, "a" * 101, "unknownଅword ଅ", "$^`~+<=>|", "ﬁ ﬂ ﬀ", "ℵ Å Ω"]


class WordPieces:
    def __init__(self, corpus, has_start=True):
        words = sorted({"".join(c for c in word.lower() if c.isalnum()) for line in corpus for word in line.split()} - {""})
        whole = [word for word in words if len(word) <= 5]
        pieces = list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + LETTERS + ["##" + letter for letter in LETTERS if letter.isalpha() or letter.isdigit()
                                    or unicodedata.category(letter) == "Lo"] + whole + ["##" + word[-3:] for word in words if len(word) > 5] + ["un", "##known"]))
        plain = list(dict.fromkeys(pieces))
        self.pieces = plain + ["[DEC]"] * has_start
        core = models.WordPiece({piece: k for k, piece in enumerate(plain)}, unk_token="[UNK]", max_input_chars_per_word=100)
        self.tokenizer = tokenizers.Tokenizer(core)
        self.tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        self.tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self.tokenizer.add_special_tokens([piece for piece in self.pieces if piece.startswith("[") and len(piece) > 2])
        ids = {piece: self.tokenizer.token_to_id(piece) for piece in ("[CLS]", "[SEP]")}
        self.tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=list(ids.items()))
        assert not has_start or self.tokenizer.token_to_id("[DEC]") == len(self.pieces) - 1

    def encode(self, text):
        return self.tokenizer.encode(text).ids

    def save(self, folder):
        folder.mkdir(exist_ok=True)
        self.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "bos_token": "[DEC]"}))
