"""Accuracy on freshly drawn pictures that training never saw (other seed, other words), as a table by kind of question.

    python3 measure.py --tessera "dotnet run -c Release --project ../../src/Cli --" --count 500 --seed 20261121
    python3 measure.py --checkpoint run/last.pt [--q8]          # the same pictures through PyTorch

Needs Python 3 and Pillow (and PyTorch only for --checkpoint). The score is questions.correct(): the answer must name exactly the
key words of the wanted answer (colour, shape, place, number, name), and a printed word must be exactly right.
"""
import argparse, concurrent.futures, json, os, random, shlex, subprocess, sys, tempfile, time
from generate import KINDS, draw
from questions import correct, questions

ROWS = ["shape", "colour", "position", "count", "word", "number", "emoji", "describe", "none"]
GOALS = {"shape": 95, "colour": 95, "position": 95, "count": 90, "word": 90, "number": 90, "emoji": 85}


def cases(seed, count, per_picture):
    """(picture, meta, [(kind, question, wanted)]): equal shares of the kinds of picture."""
    for i in range(count):
        r = random.Random(f"test {seed} {i}")
        im, meta, _ = draw(r, KINDS[i % len(KINDS)], held_out=True)
        asked = questions(r, meta)
        seen, few = set(), []
        for q in asked:                                             # at most one question of a kind about one picture
            if q[0] not in seen and len(few) < per_picture:
                seen.add(q[0])
                few.append(q)
        yield im, meta, few


def ask_tessera(command, picture, question, timeout, options=()):
    done = subprocess.run([*command, "ask", "-i", picture, question, "--temperature", "0", "--json", *options], capture_output=True,
                          text=True, timeout=timeout)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)["text"].strip()


def by_command(a, work):
    command = shlex.split(a.tessera)
    options = [x for pair in (("-m", a.model), ("--mmproj", a.mmproj)) if pair[1] for x in pair] + shlex.split(a.options)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        jobs = []
        for i, (im, meta, asked) in enumerate(work):
            path = os.path.join(folder, f"{i}.png")
            im.save(path)
            jobs += [(pool.submit(ask_tessera, command, path, q, a.timeout, options), kind, q, wanted, i) for kind, q, wanted in asked]
        for n, (job, *rest) in enumerate(jobs):
            yield job.result(), *rest
            if n % 50 == 49:
                print(f"{n + 1} of {len(jobs)}", file=sys.stderr, flush=True)


def by_checkpoint(a, work):
    from answer import Answerer
    model = Answerer(a.checkpoint, a.q8)
    work = list(work)
    flat = [(i, im, kind, q, wanted) for i, (im, _, asked) in enumerate(work) for kind, q, wanted in asked]
    for start in range(0, len(flat), 64):
        part = flat[start:start + 64]
        for text, (i, _, kind, q, wanted) in zip(model.answer([(p[1], p[3]) for p in part]), part):
            yield text.strip(), kind, q, wanted, i


def arguments(count):
    """What is measured and how, for this program and measure_small_print.py."""
    p = argparse.ArgumentParser()
    p.add_argument("--tessera", default="tessera", help="command that starts the program, e.g. a path")
    p.add_argument("--model", help="the language model's file; without it, the program's own model")
    p.add_argument("--mmproj", help="the projector's file")
    p.add_argument("--checkpoint", help="a checkpoint of train.py instead")
    p.add_argument("--q8", action="store_true", help="round the checkpoint's matrices to Q8_0 first")
    p.add_argument("--count", type=int, default=count, help="pictures")
    p.add_argument("--seed", type=int, default=20261121)
    p.add_argument("--options", default="--threads 1", help="more options of `tessera ask`")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--timeout", type=float, default=120)
    p.add_argument("--wrong", action="store_true", help="print every wrong answer")
    return p


def main():
    p = arguments(500)
    p.add_argument("--questions", type=int, default=3, help="at most this many questions about a picture")
    a = p.parse_args()
    begin, right, total = time.time(), {}, {}
    work = cases(a.seed, a.count, a.questions)
    for text, kind, q, wanted, i in (by_checkpoint if a.checkpoint else by_command)(a, work):
        ok = correct(kind, text, wanted)
        total[kind] = total.get(kind, 0) + 1
        right[kind] = right.get(kind, 0) + ok
        if a.wrong and not ok:
            print(f"{i:4d} {kind:9s} {q!r}: wanted {wanted!r}, got {text!r}")
    print(f"{a.count} pictures, seed {a.seed}, {sum(total.values())} questions, {time.time() - begin:.0f} s\n")
    print("| kind | right | of | % | goal |\n|---|---:|---:|---:|---:|")
    for kind in ROWS:
        if total.get(kind):
            print(f"| {kind} | {right[kind]} | {total[kind]} | {100 * right[kind] / total[kind]:.1f} | {GOALS.get(kind, '')} |")
    print(f"| all | {sum(right.values())} | {sum(total.values())} | {100 * sum(right.values()) / sum(total.values()):.1f} | |")


if __name__ == "__main__":
    main()
