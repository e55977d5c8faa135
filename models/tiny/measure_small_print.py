"""Accuracy on small print in pictures of three or four tiles, with slices and with the overview alone, on freshly drawn pictures.

    python3 measure_small_print.py --tessera "path/to/tessera" --model tessera-tiny-next-Q8_0.gguf --mmproj tessera-tiny-next-mmproj-Q8_0.gguf
    python3 measure_small_print.py --checkpoint run/last.pt     # the same pictures through PyTorch

With slices is `tessera ask` as it is; with the overview alone is `tessera ask --max-slices 1`. The word or number must be exactly
right. The pictures are those of generate.small_picture, with words that training never saw.
"""
import concurrent.futures, os, random, re, shlex, tempfile, time
from generate import draw
from measure import arguments, ask_tessera
from questions import correct, questions
from slices import IMAGE, fit, select_best


def cases(seed, count):
    """(picture, question, wanted, whether a tile's border cuts the print); pictures of at least three tiles."""
    i = 0
    while count:
        r, i = random.Random(f"small {seed} {i}"), i + 1
        im, meta, _ = draw(r, "small", held_out=True)
        canvas = select_best(*im.size)
        if canvas[0] * canvas[1] < 3 * IMAGE ** 2:
            continue
        asked = next(q for q in questions(r, meta) if q[0] in ("word", "number") and re.search("small|fine", q[1].lower()))
        count -= 1
        yield im, asked[1], asked[2], crosses(im.size, canvas, meta["box"])


def crosses(size, canvas, box):
    new, start = fit(*size, canvas)
    spots = [b * new[i % 2] + start[i % 2] for i, b in enumerate(box)]
    return any(int(spots[i] // IMAGE) != int(spots[i + 2] // IMAGE) for i in (0, 1))


def by_command(a, work, only):
    command = shlex.split(a.tessera)
    options = [x for pair in (("-m", a.model), ("--mmproj", a.mmproj), ("--max-slices", "1" if only else None)) if pair[1] for x in pair] + shlex.split(a.options)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for i, (im, *_) in enumerate(work):
            im.save(os.path.join(folder, f"{i}.png"))
        jobs = [pool.submit(ask_tessera, command, os.path.join(folder, f"{i}.png"), q, a.timeout, options) for i, (_, q, *_) in enumerate(work)]
        return [j.result() for j in jobs]


def by_checkpoint(a, work, only):
    from answer import Answerer
    model = Answerer(a.checkpoint, a.q8, only)
    return [t.strip() for i in range(0, len(work), 16) for t in model.answer([(im, q) for im, q, *_ in work[i:i + 16]])]


def main():
    a = arguments(250).parse_args()
    begin, work, table = time.time(), list(cases(a.seed, a.count)), []
    for only in (False, True):
        answers = (by_checkpoint if a.checkpoint else by_command)(a, work, only)
        right = [correct("word", text, wanted) for text, (_, _, wanted, _) in zip(answers, work)]
        table.append(right)
        for ok, text, (im, q, wanted, border) in zip(right, answers, work):
            if a.wrong and not ok:
                print(f"{'overview' if only else 'slices':8s} {im.size} {'border' if border else ''} {q!r}: wanted {wanted!r}, got {text!r}")
    rows = {"inside one tile": [i for i, w in enumerate(work) if not w[3]], "across a border": [i for i, w in enumerate(work) if w[3]],
            "words": [i for i, w in enumerate(work) if w[2].isalpha()], "numbers": [i for i, w in enumerate(work) if w[2].isdigit()],
            "all": list(range(len(work)))}
    print(f"{a.count} pictures, seed {a.seed}, {time.time() - begin:.0f} s\n\n| small print | pictures | with slices, % | overview alone, % |\n|---|---:|---:|---:|")
    for name, chosen in rows.items():
        if chosen:
            print(f"| {name} | {len(chosen)} | " + " | ".join(f"{100 * sum(right[i] for i in chosen) / len(chosen):.1f}" for right in table) + " |")


if __name__ == "__main__":
    main()
