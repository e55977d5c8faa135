"""What transformers' beam search finds in other families' goldens: runs of them again, in several beams. See README.md."""
import importlib.util
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
COMMON = HERE.parent / "common"
CASES = [("blip-2", "Blip2Case"), ("blip-2", "Blip2OptCase"), ("instructblip", "InstructVicuna")]
SETTINGS = [dict(num_beams=3, length_penalty=1.0, repetition_penalty=1.0), dict(num_beams=5, length_penalty=-1.0, repetition_penalty=1.0),
            dict(num_beams=4, length_penalty=0.5, repetition_penalty=1.5)]
STEPS, NOISE = 24, 0.03

import numpy as np
import torch
import transformers


def case_of(family, name):
    sys.path[:0] = [str(COMMON), str(HERE.parent / family)]
    spec = importlib.util.spec_from_file_location(f"{family}.make", HERE.parent / family / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)()


def rows(case, folder, manifest, run):
    embed = case.model.language_model.get_input_embeddings()
    parts = []
    for span in run["spans"]:
        if "ids" in span:
            parts.append(embed(torch.tensor(span["ids"])))
        else:
            saved = torch.from_numpy(np.load(folder / manifest["pictures"][span["picture"]]["embeddings"])).float()
            start = span.get("start", 0)
            parts.append(saved[start:start + span.get("count", len(saved))])
    return torch.cat(parts)[None]


class Noise:
    """As much as rounding moves a log probability, and more."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, ids, scores):
        return scores + NOISE * torch.randn(scores.shape, generator=self.generator)


@torch.no_grad()
def search(case, inputs, ends, noise=None, **settings):
    language = case.model.language_model
    more = {"logits_processor": transformers.LogitsProcessorList([Noise(noise)])} if noise else {}
    made = language.generate(inputs_embeds=inputs, attention_mask=torch.ones(inputs.shape[:2], dtype=torch.long), do_sample=False, max_new_tokens=STEPS, eos_token_id=ends,
                             pad_token_id=0, early_stopping=False, **settings, **more)
    first = made[0].tolist()
    first = first[1:] if case.language == "t5" else first
    # What stands behind the end is padding.
    return first[:next((k + 1 for k, token in enumerate(first) if token in ends), len(first))]


def main():
    found = []
    for family, name in CASES:
        case = case_of(family, name)
        case.build()
        folder = HERE.parent / family / case.name
        manifest = json.loads((folder / "manifest.json").read_text())
        ends = sorted({case.vocabulary.eos, *([case.vocabulary.bos] if case.language == "opt" else [])})
        for run in manifest["runs"]:
            for settings in SETTINGS:
                inputs = rows(case, folder, manifest, run)
                tokens = search(case, inputs, ends, **settings)
                steady = all(search(case, inputs, ends, noise=seed, **settings) == tokens for seed in range(1, 5))
                print(case.name, run["name"], settings["num_beams"], steady, tokens[:10], flush=True)
                if steady:
                    found.append({"case": case.name, "run": run["name"], "beams": settings["num_beams"], "length_penalty": settings["length_penalty"],
                                  "repeat_penalty": settings["repetition_penalty"], "tokens": tokens})
    (HERE / "beams.json").write_text("[\n" + ",\n".join(json.dumps(item) for item in found) + "\n]\n")


if __name__ == "__main__":
    main()
