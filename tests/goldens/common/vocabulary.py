"""Two kinds of small vocabularies with their reference tokenizers: SentencePiece as in Llama 1 and 2, byte-level BPE as in Llama 3.
A family's own are subclasses with other special tokens; adds_bos says whether a prompt begins with the start token."""
import collections
import re

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
CHATML = ["<|im_start|>", "<|im_end|>"]


def learn_merges(words, count):
    """Plain BPE training; ties go to the pair that sorts first, so that the result never depends on a hash."""
    words = {tuple(word): n for word, n in collections.Counter(words).items()}
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {_merge(word, best): n for word, n in words.items()}
    return merges


def _merge(word, pair):
    out, i = [], 0
    while i < len(word):
        joined = word[i:i + 2] == pair
        out.append(word[i] + word[i + 1] if joined else word[i])
        i += 2 if joined else 1
    return tuple(out)


class SentencePieceVocabulary:
    """Three control tokens, 256 bytes, merged pieces by rank, then single characters: the order of Llama's own file. Special tokens follow; each
    text between them goes to SentencePiece by itself, as the slow tokenizers do."""
    model, pre, adds_bos = "llama", "default", True
    specials, special_score = [], -1000.0
    bos, unknown, eos_text, placeholder_text = 1, 0, "</s>", "<unk>"
    space_prefix = None                      # whether a text begins with a space, as the file says; without a word in the file it does

    def __init__(self, corpus, merge_count=70):
        words = ["▁" + word for line in corpus for word in line.split()]
        pieces = list(dict.fromkeys(a + b for a, b in learn_merges(words, merge_count)))
        characters = sorted({c for word in words for c in word if ord(c) < 128 or c == "▁"})
        self.tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + pieces + characters
        self.types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (len(pieces) + len(characters))
        self.scores = [0.0] * 259 + [-float(rank) for rank in range(len(pieces) + len(characters))]
        self._processor = self._load()
        self._special_ids = {token: len(self.tokens) + k for k, token in enumerate(self.specials)}
        self.tokens += self.specials
        self.types += [CONTROL] * len(self.specials)
        self.scores += [self.special_score] * len(self.specials)
        self.silent_tokens = [*range(259), *self._special_ids.values()]
        self.eos, self.placeholder = (self.tokens.index(text) for text in (self.eos_text, self.placeholder_text))

    def _load(self):
        import sentencepiece
        from sentencepiece import sentencepiece_model_pb2 as proto
        model = proto.ModelProto()
        for token, score, kind in zip(self.tokens, self.scores, self.types):
            model.pieces.add(piece=token, score=score, type=kind)
        trainer, normalizer = model.trainer_spec, model.normalizer_spec
        trainer.model_type, trainer.byte_fallback, trainer.vocab_size = trainer.BPE, True, len(self.tokens)
        normalizer.name, normalizer.add_dummy_prefix = "identity", self.space_prefix is not False
        normalizer.remove_extra_whitespaces, normalizer.escape_whitespaces = False, True
        return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())

    def encode(self, text):
        parts = re.split("(" + "|".join(map(re.escape, self.specials)) + ")", text) if self.specials else [text]
        return [i for part in parts if part
                for i in ([self._special_ids[part]] if part in self._special_ids else self._processor.encode(part))]

    def write(self, writer):
        writer.add_token_scores(self.scores)
        writer.add_unk_token_id(self.unknown)
        if self.space_prefix is not None:
            writer.add_add_space_prefix(self.space_prefix)


def _byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + k) for k, b in enumerate(rest)}}


class BytePairVocabulary:
    """The 256 bytes in Llama 3's order, merges, then Llama 3's special tokens; no unknown token. bos_text may be None: the file names none."""
    model, pre, adds_bos, whole_words_first = "gpt2", "llama-bpe", True, True
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    bos_text, eos_text, placeholder_text = "<|begin_of_text|>", "<|end_of_text|>", "<|end_of_text|>"
    SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
             r"\s+(?!\S)|\s+")

    def __init__(self, corpus, merge_count=70):
        table = _byte_characters()
        words = [word for line in corpus for word in re.findall(r" ?\w+", line)]
        words = ["".join(table[b] for b in word.encode()) for word in words]
        self.merges = learn_merges(words, merge_count)
        plain = sorted(table.values(), key=lambda c: (ord(c) >= 256, ord(c)))
        self.tokens = plain + list(dict.fromkeys(a + b for a, b in self.merges)) + self.specials
        count, first = len(self.tokens), len(self.tokens) - len(self.specials)
        self.bos = self.tokens.index(self.bos_text) if self.bos_text else None
        self.eos, self.placeholder = self.tokens.index(self.eos_text), self.tokens.index(self.placeholder_text)
        self.types = [NORMAL] * first + [CONTROL] * len(self.specials)
        self.silent_tokens = [k for k, t in enumerate(self.tokens) if not t.isascii() and "Ġ" not in t] + [*range(first, count)]
        self._tokenizer = self._load()

    def _load(self):
        from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
        tokenizer = Tokenizer(models.BPE({t: k for k, t in enumerate(self.tokens)}, self.merges, ignore_merges=self.whole_words_first))
        tokenizer.add_special_tokens([AddedToken(text, special=True) for text in self.specials])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(self.SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        return tokenizer

    def encode(self, text):
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def write(self, writer):
        writer.add_token_merges([f"{a} {b}" for a, b in self.merges])


class QwenVocabulary(BytePairVocabulary):
    """Qwen2's way: no start token, each digit alone, ChatML's tokens and the placeholders of LLaVA-OneVision's processor."""
    pre = "qwen2"
    specials = ["<|endoftext|>", *CHATML, "<image>", "<video>"]
    bos_text, eos_text, placeholder_text = "<|endoftext|>", "<|im_end|>", "<image>"
    adds_bos, whole_words_first = False, False
    # transformers v5.12, models/qwen2/tokenization_qwen2.py
    SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
             r"\s+(?!\S)|\s+")
