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


class GoldenCase:
    name = about = None
    seed, image_size, patch_size, vocabulary_type = 0, 56, 14, None
    picture_names = ("native", "wide", "tall", "page", "small", "line", "shapes", "dark")
    pair = ("shapes", "dark")                            # the two shown in one prompt
    language_of = None                                   # the case beside it whose language model has the same weights
    largest_pixels = 300_000                             # bytes of pixels worth a file; of larger ones the digest is kept
    prompts = reference.wordings(vicuna=reference.VICUNA)
    questions = QUESTIONS
    leads = {}                                           # by picture: the least lead of its answers, where its prompts are very long

    # What a family provides.
    def config(self, vision, text):
        """The class and its configuration, the text side's vocabulary already in text."""
        raise NotImplementedError

    def prepare(self, image):
        """The manifest's pixel entries by name, "original" first, and facts about the picture worth a field."""
        raise NotImplementedError

    def prepare_of_several(self, image):
        """The same for a picture that is not alone in its prompt; None where that makes no difference."""
        return None

    def encode(self, pixels, image):
        """Tower output [slices, patches, hidden] and embeddings [tokens, width], by the class's own code."""
        raise NotImplementedError

    def class_logits(self, ids, pixels, images):
        """The whole class on ids with placeholders: the last position's logits."""
        raise NotImplementedError

    def export(self, folder):
        """Writes the GGUF files; returns manifest fields by file stem."""
        raise NotImplementedError

    # What a family may change.
    def adapt(self, model):
        """The model as built, before it gets its weights."""
        return model

    def surroundings(self, picture, index):
        """What stands in a prompt for its picture number index: reference.lay_out says of what it may consist."""
        return [reference.WHOLE]

    def entering(self, embeddings):
        """What the language model's file wants in place of the embeddings that the reference's takes."""
        return embeddings

    def more(self, folder):
        """Further fields of the manifest, made when pictures and runs are."""
        return {}

    # What all share.
    def build(self):
        self.vocabulary = self.vocabulary_type(CORPUS)
        # The placeholder is a token no prompt contains, so that the whole class can be run as a check.
        self.placeholder = self.vocabulary.placeholder
        text = dict(LANGUAGE, vocab_size=len(self.vocabulary.tokens), bos_token_id=self.vocabulary.bos,
                    eos_token_id=self.vocabulary.eos)
        build, config = self.config(dict(CLIP_TOWER, image_size=self.image_size), text)
        self.model = randomise(self.adapt(build(config)), self.seed, self.vocabulary.silent_tokens)
        return self.model

    def check_class(self, run):
        ids = [i for s in run.spans for i in (s["ids"] if "ids" in s else [self.placeholder] * len(reference.rows(s, self.embeddings)))]
        assert ids.count(self.placeholder) == sum(len(self.embeddings[p]) for p in run.pictures)
        with torch.no_grad():
            logits = self.class_logits(torch.tensor([ids]), [self.prepared[p] for p in run.pictures], [self.images[p] for p in run.pictures])
        assert np.abs(logits.numpy() - run.logits).max() < 1e-4, f"{run.prompt}: the class disagrees with the spans"

    def make(self, images, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.images = {name: images[name] for name in self.picture_names}
        self.prepared, self.embeddings = {}, {}
        self.build()
        models = self.export(folder)
        entries, pair = self._show(folder)
        runs = self._ask(folder, pair)
        more = self.more(folder)
        files = {p.stem: {"file": p.name, "sha256": store.digest(p)} for p in sorted(folder.glob("*.gguf"))}
        if self.language_of:
            files["language-f16"] = self._share(folder, "language-f16")
        for stem, fields in models.items():
            files[stem].update(fields)
        store.write_manifest(folder, {
            "case": self.name, "about": self.about, "seed": self.seed, "versions": store.versions(), "models": files,
            "image_size": self.image_size, "patch_size": self.patch_size, "steps": reference.STEPS, "pictures": entries, "runs": runs, **more})

    def _show(self, folder):
        """Every picture through the tower: the manifest's entries, and the names of the pair."""
        entries, pair = {}, list(self.pair)
        for picture, image in list(self.images.items()):
            entries[picture] = self._entry(folder, picture, picture, image, self.prepare(image))
            several = self.prepare_of_several(image) if picture in self.pair else None
            if several:
                name = f"{picture}.of2"
                pair[pair.index(picture)] = name
                entries[name] = {**self._entry(folder, name, picture, image, several), "image_count": 2}
        return entries, pair

    def _entry(self, folder, name, file, image, made):
        pixels, facts = made
        self.images[name], self.prepared[name] = image, pixels["original"]
        features, self.embeddings[name] = self.encode(pixels["original"], image)
        return {"file": f"../../pictures/{file}.png", "width": image.width, "height": image.height, **facts,
                "tokens": len(self.embeddings[name]), "pixels": _save_pixels(folder, name, pixels, self.largest_pixels),
                "features": store.save(folder, f"{name}.features", features),
                "embeddings": store.save(folder, f"{name}.embeddings", self.entering(self.embeddings[name]))}

    def _ask(self, folder, pair):
        """Every prompt through the language model: the manifest's runs."""
        wanted = [(f"{p}.{label}", [form.format(q) for q in self.questions], [p]) for p in self.picture_names for label, form in self.prompts.items()]
        both = f"A {reference.MEDIA} and {reference.MEDIA}?"
        wanted += [("pair.raw", [both] + [f"{both} {q}" for q in self.questions], pair), ("text.raw", self.questions, [])]
        return [self.ask(folder, label, prompts, shown) for label, prompts, shown in wanted]

    def ask(self, folder, label, prompts, shown):
        """The first of the prompts that is clear, through the language model: an entry of the manifest's runs."""
        least = max([reference.MARGIN] + [self.leads.get(picture, 0) for picture in shown])
        run = reference.first_clear(self.model, self.vocabulary, prompts, shown, self.embeddings, self.surroundings, least)
        if shown:
            self.check_class(run)
        file = store.save(folder, f"{label}.logits", run.logits)
        print(f"  {label:16} margin {run.margin:.3f} drift {run.drift:.4f} distinct {len(set(run.tokens)):2} {run.tokens[:8]}", flush=True)
        return {"name": label, "pictures": shown, "prompt": run.prompt, "spans": run.spans, "logits": file,
                "tokens": run.tokens, "margin": round(run.margin, 4), "drift": round(run.drift, 4)}

    def _share(self, folder, stem):
        """Names the other case's file instead of keeping a copy; the two must be the same."""
        copy, original = folder / f"{stem}.gguf", folder.parent / self.language_of / f"{stem}.gguf"
        assert copy.read_bytes() == original.read_bytes(), f"{self.language_of} has another {stem}"
        copy.unlink()
        return {"file": f"../{self.language_of}/{stem}.gguf", "sha256": store.digest(original)}


def _save_pixels(folder, picture, pixels, largest):
    """One file per distinct array; of what is too large to keep, the digest."""
    files = {}
    for rule, array in pixels.items():
        same = next((other for other in files if np.array_equal(pixels[other], array)), None)
        suffix = "" if rule == "original" else f"-{rule}"
        files[rule] = files[same] if same else (
            store.save(folder, f"{picture}.pixels{suffix}", array) if array.nbytes <= largest else store.digest_of_values(array))
    return files


def projector_tensors(model):
    """LLaVA's connector under llama.cpp's names: transformers' two layers, or a Sequential's by their place in it."""
    names = {"linear_1": "0", "linear_2": "2"}
    state = model.model.multi_modal_projector.state_dict()
    return {f"mm.{names.get(layer, layer)}.{kind}": tensor for (layer, kind), tensor in ((key.split("."), t) for key, t in state.items())}


def main(cases, here, arguments):
    torch.set_num_threads(1)
    drawn = pictures.draw(here.parent / "pictures")
    for case in cases:
        if not arguments or case.name in arguments:
            print(case.name, flush=True)
            case.make(drawn, here / case.name)
