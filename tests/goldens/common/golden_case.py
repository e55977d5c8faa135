"""One case: a model, its two files, and what every picture and prompt must give. A family says how in a subclass."""
import shutil

import numpy as np
import torch

import pictures
import reference
import store
from corpus import CORPUS, QUESTIONS
from randomise import randomise

CLIP_TOWER = dict(model_type="clip_vision_model", hidden_size=64, intermediate_size=128, num_hidden_layers=4,
                  num_attention_heads=4, patch_size=14, hidden_act="quick_gelu")
LANGUAGE = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                max_position_embeddings=2048, rms_norm_eps=1e-5, tie_word_embeddings=False)
LEGACY_KEYS = {"clip.has_text_encoder": False, "clip.has_llava_projector": True, "clip.use_gelu": False,
               "clip.vision.projection_dim": 48}     # written by convert_image_encoder_to_gguf.py whatever the tower
LEGACY_LAYOUT = dict(blocks=3, swapped=True, fused=False, post_norm=False)
LARGEST_PIXELS = 300_000                             # bytes of pixels worth a file; larger ones are left to the later stages


class GoldenCase:
    name = about = None
    seed, image_size, vocabulary_type = 0, 56, None
    prompts = {"raw": reference.MEDIA + "\n{}", "vicuna": reference.VICUNA.format(reference.MEDIA + "\n{}")}

    # What a family provides.
    def config(self, vision, text):
        """The class and its configuration, the text side's vocabulary already in text."""
        raise NotImplementedError

    def prepare(self, image):
        """The manifest's pixel entries by name, "original" first, and facts about the picture worth a field."""
        raise NotImplementedError

    def encode(self, pixels, image):
        """Tower output [slices, patches, hidden] and embeddings [tokens, width], by the class's own code."""
        raise NotImplementedError

    def class_logits(self, ids, pixels, images):
        """The whole class on ids with placeholders: the last position's logits."""
        raise NotImplementedError

    def export(self, folder):
        """Writes the GGUF files; returns manifest fields by file stem."""
        raise NotImplementedError

    # What all share.
    def build(self):
        self.vocabulary = self.vocabulary_type(CORPUS)
        # The placeholder is a token no prompt contains, so that the whole class can be run as a check.
        self.placeholder = 0 if self.vocabulary.model == "llama" else self.vocabulary.eos
        text = dict(LANGUAGE, vocab_size=len(self.vocabulary.tokens), bos_token_id=self.vocabulary.bos,
                    eos_token_id=self.vocabulary.eos)
        build, config = self.config(dict(CLIP_TOWER, image_size=self.image_size), text)
        self.model = randomise(self.adapt(build(config)), self.seed, self.vocabulary.silent_tokens)
        return self.model

    def adapt(self, model):
        return model

    def check_class(self, run, prepared, images):
        count = {p: len(self.embeddings[p]) for p in run.pictures}
        ids = [i for s in run.spans for i in (s["ids"] if "ids" in s else [self.placeholder] * count[s["picture"]])]
        assert ids.count(self.placeholder) == sum(count.values())
        with torch.no_grad():
            logits = self.class_logits(torch.tensor([ids]), [prepared[p] for p in run.pictures], [images[p] for p in run.pictures])
        assert np.abs(logits.numpy() - run.logits).max() < 1e-4, f"{run.prompt}: the class disagrees with the spans"

    def make(self, images, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build()
        models = self.export(folder)
        entries, runs, prepared, self.embeddings = {}, [], {}, {}
        for picture, image in images.items():
            pixels, facts = self.prepare(image)
            prepared[picture] = pixels["original"]
            features, self.embeddings[picture] = self.encode(pixels["original"], image)
            entries[picture] = {
                "file": f"../../pictures/{picture}.png", "width": image.width, "height": image.height, **facts,
                "tokens": len(self.embeddings[picture]), "pixels": _save_pixels(folder, picture, pixels),
                "features": store.save(folder, f"{picture}.features", features),
                "embeddings": store.save(folder, f"{picture}.embeddings", self.embeddings[picture])}
        wanted = [(f"{p}.{label}", [form.format(q) for q in QUESTIONS], [p]) for p in images for label, form in self.prompts.items()]
        pair = f"A {reference.MEDIA} and {reference.MEDIA}?"
        wanted += [("pair.raw", [pair] + [f"{pair} {q}" for q in QUESTIONS], ["shapes", "dark"]), ("text.raw", QUESTIONS, [])]
        for label, prompts, shown in wanted:
            run = reference.first_clear(self.model, self.vocabulary, prompts, shown, self.embeddings)
            if shown:
                self.check_class(run, prepared, images)
            file = store.save(folder, f"{label}.logits", run.logits)
            runs.append({"name": label, "pictures": shown, "prompt": run.prompt, "spans": run.spans, "logits": file,
                         "tokens": run.tokens, "margin": round(run.margin, 4), "drift": round(run.drift, 4)})
            print(f"  {label:16} margin {run.margin:.3f} drift {run.drift:.4f} distinct {len(set(run.tokens)):2} {run.tokens[:8]}",
                  flush=True)
        files = {p.stem: {"file": p.name, "sha256": store.digest(p)} for p in sorted(folder.glob("*.gguf"))}
        for stem, fields in models.items():
            files[stem].update(fields)
        store.write_manifest(folder, {
            "case": self.name, "about": self.about, "seed": self.seed, "versions": store.versions(), "models": files,
            "image_size": self.image_size, "patch_size": 14, "steps": reference.STEPS, "pictures": entries, "runs": runs})


def _save_pixels(folder, picture, pixels):
    """One file per distinct array; None for what is too large to keep."""
    files = {}
    for rule, array in pixels.items():
        same = next((other for other in files if np.array_equal(pixels[other], array)), None)
        suffix = "" if rule == "original" else f"-{rule}"
        files[rule] = files[same] if same else (
            store.save(folder, f"{picture}.pixels{suffix}", array) if array.nbytes <= LARGEST_PIXELS else None)
    return files


def projector_tensors(model):
    """LLaVA's connector under llama.cpp's names: the two-layer one, or a single linear layer."""
    names = {"linear_1": "mm.0", "linear_2": "mm.2", "0": "mm.0"}
    state = model.model.multi_modal_projector.state_dict()
    return {f"{names[key.split('.')[0]]}.{key.split('.')[1]}": tensor for key, tensor in state.items()}


def main(cases, here, arguments):
    torch.set_num_threads(1)
    drawn = pictures.draw(here.parent / "pictures")
    for case in cases:
        if not arguments or case.name in arguments:
            print(case.name, flush=True)
            case.make(drawn, here / case.name)
