"""Builds tokenizer.json: byte-level BPE over lower-case text only, so that capitals and digits never merge and a printed word is
read letter by letter."""
import os, random, sys
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from draw import COLOURS, HERE, SHAPES
from generate import KINDS, draw
from model import VOCAB
from questions import ASK, CHAT, plural, a_name, questions
from draw import EMOJI

SPECIAL = ["<unk>", "<s>", "</s>", "<image>"]
MARKS = ["USER:", "ASSISTANT:"]             # plain added tokens (GGUF: user defined)


def corpus():
    r = random.Random(0)
    for _ in range(6):
        for _, name in EMOJI:
            yield f" {a_name(name)} {name.lstrip('~')}"
        for s in SHAPES:
            yield f" {a_name(s)} {plural(s)} the {s}"
        for c in COLOURS:
            yield f" {c}. a {c} square"
    for _ in range(3000):
        _, meta, _ = draw(r, r.choice([k for k in KINDS if k != "emoji"]))
        for _, q, a in questions(r, meta):
            yield f"{q} {a if meta['kind'] != 'word' else ''}".lower()
    for qs, a in CHAT * 20:
        yield from (f"{q} {a}".lower() for q in qs)


def main(path):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=SPECIAL + MARKS, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator(("".join(c for c in t if not c.isdigit()) for t in corpus()), trainer)
    tok.save(path)
    # The trainer registers every one as special; the two marks must stay visible, ordinary text.
    import json
    d = json.load(open(path))
    for t in d["added_tokens"]:
        t["special"] = t["content"] in SPECIAL
    json.dump(d, open(path, "w"), ensure_ascii=False, indent=1)
    print(tok.get_vocab_size(), "tokens")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "tokenizer.json"))
