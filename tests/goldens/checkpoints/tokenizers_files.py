"""Writes a small vocabulary as the files of a released tokenizer."""
import base64
import json

# Hard for a tokenizer: other scripts, marks that combine, emoji joined to one, runs of blanks and digits, letters of several bytes.
TEXTS = [
    "", " ", "Hello world", " leading and trailing ", "a  b   c    d", "tabs\tand\nnew\n\nlines\r\n", "1 12 123 1234 12345 123456 1234567.89",
    "don't I'LL we've you're", "日本語と中文の混在した文", "한국어 문장입니다", "مرحبا بالعالم", "Ελληνικά και кириллица", "e\u0301 vs \u00e9, n\u0303, a\u0308\u0323",
    "\U0001F468\u200d\U0001F469\u200d\U0001F467 \U0001F1E9\U0001F1EA \u2764\ufe0f \U0001F44D\U0001F3FD", "x\u00a0y\u3000z\u200bw", "fullwidth ＡＢＣ １２３", "…—“quotes”‘’",
    "#include <stdio.h>\nint main(){return 0;}", "https://example.org/?q=a%20b&c=d#e", "UPPER lower MiXeD camelCase snake_case", "\ufffd\ufffd broken \u0000 zero", "\ufffd\ufffdbroken \ufffd UTF-8",
    "<|not a token|> </s> <unk> [INST]", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "½ ² ₃ Ⅷ ①", "ﬁ ﬂ ﬀ ligatures", "İstanbul straße ǅ"]
# Bytes that are no UTF-8, as they lie in files and pipes: alone, cut off, too long for what they say, halves of a pair, beyond the last letter, Latin-1.
# No reference takes them as they are; what they are read as has a sign for each stretch that is broken.
BROKEN = [
    b"\xff", b"a\xffb", b"\x80\xbf alone", b"cut \xe6\x97", b"cut \xf0\x9f\x91", b"cut\xe6\x97 in the middle", b"\xc0\xaf\xe0\x80\xaf overlong", b"\xed\xa0\xbd\xed\xb1\x8d halves",
    b"\xf4\x90\x80\x80 beyond", b"\xf8\x88\x80\x80\x80", b"na\xefve caf\xe9 \xa3 5", b"\xe6\x97\xa5\xe6\x9c\xac\xe8 \xe6\x96\x87", b" \xfe\xff  \xfe ", b"\xd0\xd2 1\xff2\xff3"]


def sentencepiece(folder, vocabulary, config=None):
    """tokenizer.model and tokenizer_config.json."""
    (folder / "tokenizer.model").write_bytes(vocabulary._processor.serialized_model_proto())
    special = {str(k): {"content": vocabulary.tokens[k], "special": True} for k in range(3)}
    special.update({str(k): {"content": t, "special": True} for t, k in vocabulary._special_ids.items()})
    config = {"bos_token": "<s>", "eos_token": vocabulary.eos_text, "unk_token": "<unk>", "add_bos_token": True, "add_eos_token": False,
              "tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": special, **(config or {})}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def unigram(folder, vocabulary):
    """T5's spiece.model and tokenizer_config.json."""
    (folder / "spiece.model").write_bytes(vocabulary._processor.serialized_model_proto())
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "tokenizer_class": "T5Tokenizer"}))


def byte_pairs(folder, vocabulary, config=None, slow=False):
    """tokenizer.json, or vocab.json with merges.txt, and tokenizer_config.json."""
    if slow:
        vocab = {t: k for k, t in enumerate(vocabulary.tokens) if t not in vocabulary.specials}
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in vocabulary.merges), encoding="utf-8")
    else:
        (folder / "tokenizer.json").write_text(vocabulary._tokenizer.to_str(), encoding="utf-8")
    special = {str(vocabulary.tokens.index(t)): {"content": t, "special": True} for t in vocabulary.specials}
    config = {"bos_token": vocabulary.bos_text, "eos_token": vocabulary.eos_text, "pad_token": vocabulary.eos_text, "add_bos_token": vocabulary.adds_bos,
              "added_tokens_decoder": special, "tokenizer_class": "PreTrainedTokenizerFast", **(config or {})}
    (folder / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}, indent=1), encoding="utf-8")


def tiktoken(folder, vocabulary, config=None):
    """tokenizer.model in tiktoken's form, as GLM-4 has it."""
    letters = {c: b for b, c in __import__("vocabulary")._byte_characters().items()}
    lines = [base64.b64encode(bytes(letters[c] for c in t)).decode() + f" {k}" for k, t in enumerate(vocabulary.tokens) if t not in vocabulary.specials]
    (folder / "tokenizer.model").write_text("\n".join(lines) + "\n")
    byte_pairs(folder, vocabulary, config, slow=True)
    (folder / "vocab.json").unlink()
    (folder / "merges.txt").unlink()
