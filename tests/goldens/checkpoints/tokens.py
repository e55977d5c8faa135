"""Small tokenizers of every kind as released files, and what the reference makes of hard texts: tokenizers/KIND/, ids.json. See README.md."""
import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]

import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import tokenizers_files as files
from corpus import CORPUS
from make import GlmVocabulary, T5Vocabulary
from vocabulary import BytePairVocabulary, QwenVocabulary, SentencePieceVocabulary


def encoder(folder):
    """The reference: tokenizers for tokenizer.json, SentencePiece for its models; tiktoken's files are the byte pairs they were made from."""
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    model = next((folder / name for name in ("tokenizer.model", "spiece.model") if (folder / name).exists()))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    return processor.encode


def sentencepiece_json(folder, vocabulary):
    """A SentencePiece tokenizer as tokenizer.json alone: merges, bytes as fallback, spaces as pieces (Llama's form)."""
    vocab = {t: k for k, t in enumerate(vocabulary.tokens)}
    pieces = sorted((t for t, kind in zip(vocabulary.tokens, vocabulary.types) if kind == 1 and len(t) > 1), key=lambda t: -vocabulary.scores[vocab[t]])
    merges = [(t[:k], t[k:]) for t in pieces for k in range(1, len(t)) if t[:k] in vocab and t[k:] in vocab]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))


def word_pieces(folder, _):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=260, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"}))


KINDS = {
    "sentencepiece": (SentencePieceVocabulary, files.sentencepiece), "sentencepiece-json": (SentencePieceVocabulary, sentencepiece_json),
    "llama-3": (BytePairVocabulary, files.byte_pairs), "qwen2": (QwenVocabulary, files.byte_pairs), "glm": (GlmVocabulary, files.byte_pairs),
    "unigram": (T5Vocabulary, files.unigram), "wordpiece": (lambda corpus: None, word_pieces)}

if __name__ == "__main__":
    for kind, (vocabulary_type, write) in KINDS.items():
        folder = HERE / "tokenizers" / kind
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write(folder, vocabulary_type(CORPUS))
        encode = encoder(folder)
        entries = [{"text": text, "ids": encode(text)} for text in files.TEXTS if text and "\0" not in text]
        for raw in files.BROKEN:
            text = raw.decode("utf-8", errors="replace")
            entries.append({"bytes": raw.hex(), "text": text, "ids": encode(text)})
        (folder / "ids.json").write_text(json.dumps(entries, ensure_ascii=False, indent=0), encoding="utf-8")
        print(kind, sum(f.stat().st_size for f in folder.iterdir()) // 1024, "KB")
