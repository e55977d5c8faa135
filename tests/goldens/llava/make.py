"""Goldens of LLaVA-1 and LLaVA-1.5 from transformers' LlavaForConditionalGeneration with random weights. See README.md."""
import copy
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import gguf
import numpy as np
import torch
import transformers

import gguf_files
import pictures
import preprocess
import reference
import store
from corpus import CORPUS, QUESTIONS
from randomise import quantise, randomise
from vocabulary import BytePairVocabulary, SentencePieceVocabulary

LAYERS, WIDTH, Q8_0 = 4, 64, gguf.GGMLQuantizationType.Q8_0
LEGACY = {"clip.has_text_encoder": False, "clip.has_llava_projector": True, "clip.use_gelu": False}
CASES = {
    "llava-1.5": dict(
        about="LLaVA-1.5 as the legacy converter writes it: feed-forward names exchanged, last block dropped, no feature_layer",
        seed=11, image_size=56, hidden_act="quick_gelu", projector="mlp", aspect_ratio="pad", vocabulary=SentencePieceVocabulary,
        quantised=True,
        keys={**LEGACY, "clip.projector_type": "mlp", "clip.vision.block_count": LAYERS - 1, "clip.vision.projection_dim": 48},
        layout=dict(blocks=LAYERS - 1, swapped=True, fused=False, post_norm=False)),
    "llava-1": dict(
        about="LLaVA-1: linear projector, no projector_type, block_count says one more than there are, centre crop",
        seed=22, image_size=70, hidden_act="quick_gelu", projector="linear", aspect_ratio=None, vocabulary=SentencePieceVocabulary,
        keys={**LEGACY, "clip.vision.block_count": LAYERS, "clip.vision.projection_dim": 48},
        layout=dict(blocks=LAYERS - 1, swapped=True, fused=False, post_norm=False)),
    "llava-1.5-fused": dict(
        about="the same family in today's layout: fused q/k/v, every block stored, feature_layer, erf GELU in the tower, BPE text side",
        seed=31, image_size=56, hidden_act="gelu", projector="mlp", aspect_ratio="pad", vocabulary=BytePairVocabulary,
        keys={"clip.projector_type": "mlp", "clip.use_gelu": True, "clip.vision.block_count": LAYERS,
              "clip.vision.projection_dim": WIDTH, "clip.vision.feature_layer": [LAYERS - 1],
              "clip.vision.image_aspect_ratio": "pad"},
        layout=dict(blocks=LAYERS, swapped=False, fused=True, post_norm=True)),
}


def build(case, vocabulary):
    size = len(vocabulary.tokens)
    vision = dict(model_type="clip_vision_model", hidden_size=64, intermediate_size=128, num_hidden_layers=LAYERS,
                  num_attention_heads=4, image_size=case["image_size"], patch_size=14, hidden_act=case["hidden_act"])
    text = dict(model_type="llama", vocab_size=size, hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=3,
                num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024, bos_token_id=vocabulary.bos,
                eos_token_id=vocabulary.eos, rms_norm_eps=1e-5, tie_word_embeddings=False)
    # The placeholder id is one no prompt contains, so that the whole class can be run as a check.
    placeholder = vocabulary.silent_tokens[0] if vocabulary.model == "llama" else vocabulary.eos
    config = transformers.LlavaConfig(vision_config=vision, text_config=text, image_token_index=placeholder,
                                      vision_feature_layer=-2, projector_hidden_act="gelu", attn_implementation="eager")
    model = transformers.LlavaForConditionalGeneration(config)
    if case["projector"] == "linear":
        model.model.multi_modal_projector = torch.nn.Sequential(torch.nn.Linear(64, WIDTH))
    return randomise(model, case["seed"], vocabulary.silent_tokens)


def projector_tensors(model):
    names = {"linear_1": "mm.0", "linear_2": "mm.2", "0": "mm.0"}
    state = model.model.multi_modal_projector.state_dict()
    return {f"{names[k.split('.')[0]]}.{k.split('.')[1]}": v for k, v in state.items()}


@torch.no_grad()
def encode(model, pixels):
    """Tower output without the class token, then the connector's: [slices, patches, hidden] and [tokens, width]."""
    states = model.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states
    features = states[-2][:, 1:]
    embeddings = model.model.multi_modal_projector(features).flatten(0, 1)
    whole = torch.cat(list(model.get_image_features(torch.from_numpy(pixels)).pooler_output))
    assert torch.equal(embeddings, whole)
    return features, embeddings


@torch.no_grad()
def check_whole_class(model, result, pixels, tokens_per_image):
    """The class run on ids and pixels says what the spans say."""
    placeholder = model.config.image_token_id
    ids = [i for s in result.spans for i in (s["ids"] if "ids" in s else [placeholder] * tokens_per_image)]
    assert ids.count(placeholder) == tokens_per_image * len(pixels)
    logits = model(input_ids=torch.tensor([ids]), pixel_values=torch.from_numpy(np.concatenate(pixels))).logits[0, -1]
    assert np.abs(logits.numpy() - result.logits).max() < 1e-4


def write_models(folder, name, case, model, vocabulary):
    tensors = {**projector_tensors(model), **gguf_files.tower_tensors(model.model.vision_tower, **case["layout"])}
    vision = (model.config.vision_config, tensors, case["keys"], preprocess.CLIP_MEAN, preprocess.CLIP_STD)
    gguf_files.write_vision(folder / "mmproj-f16.gguf", *vision)
    gguf_files.write_llama(folder / "language-f16.gguf", name, model, vocabulary)
    if case.get("quantised"):
        gguf_files.write_vision(folder / "mmproj-q8_0.gguf", *vision, quantise=Q8_0)


def quantisation_cost(model, pixels, embeddings):
    """Per-token cosine between the embeddings of the Q8_0 matrices, run in float32, and the golden ones."""
    coarse = quantise(copy.deepcopy(model), Q8_0, r"(vision_tower.*encoder|multi_modal_projector).*weight$")
    cosines = torch.cat([torch.cosine_similarity(encode(coarse, pixels[p])[1], embeddings[p], dim=-1) for p in pixels])
    return {"cosine_mean": round(float(cosines.mean()), 6), "cosine_min": round(float(cosines.min()), 6), "limit": 0.998}


def make(name, case, images, folder):
    folder.mkdir(parents=True)
    vocabulary = case["vocabulary"](CORPUS)
    model = build(case, vocabulary)
    size, entries, runs, pixels, embeddings = case["image_size"], {}, [], {}, {}
    write_models(folder, name, case, model, vocabulary)

    for picture, image in images.items():
        pixels[picture] = preprocess.llava_original(image, size, case["aspect_ratio"])
        other = preprocess.clip_transformers(image, size)
        trap = preprocess.check_pass_order(image, size)
        features, embeddings[picture] = encode(model, pixels[picture])
        file = store.save(folder, f"{picture}.pixels", pixels[picture])
        same = np.array_equal(other, pixels[picture])
        entries[picture] = {
            "file": f"../images/{picture}.png", "width": image.width, "height": image.height, "pass_order_matters": trap,
            "pixels": {"original": file, "transformers": file if same else store.save(folder, f"{picture}.pixels-transformers", other)},
            "features": store.save(folder, f"{picture}.features", features),
            "embeddings": store.save(folder, f"{picture}.embeddings", embeddings[picture])}

    def record(label, templates, shown):
        result, tried = reference.first_clear(model, vocabulary, templates, shown, embeddings)
        if shown:
            check_whole_class(model, result, [pixels[p] for p in shown], len(embeddings[shown[0]]))
        file = store.save(folder, f"{label}.logits", result.logits)
        runs.append({"name": label, "pictures": shown, "prompt": result.prompt, "spans": result.spans, "logits": file,
                     "tokens": result.tokens, "margin": round(result.margin, 4), "drift": round(result.drift, 4)})
        print(f"  {label:16} tried {tried:2} margin {result.margin:.3f} drift {result.drift:.4f} "
              f"distinct {len(set(result.tokens)):2} {result.tokens[:8]}", flush=True)

    for picture in images:
        record(f"{picture}.raw", [f"{reference.MEDIA}\n{q}" for q in QUESTIONS], [picture])
        record(f"{picture}.vicuna", [reference.VICUNA.format(f"{reference.MEDIA}\n{q}") for q in QUESTIONS], [picture])
    pairs = [f"A {reference.MEDIA} and {reference.MEDIA}?"] + [f"A {reference.MEDIA} and {reference.MEDIA}? {q}" for q in QUESTIONS]
    record("pair.raw", pairs, ["shapes", "dark"])
    record("text.raw", QUESTIONS, [])
    first = {tuple(r["tokens"]) for r in runs if r["name"].endswith(".raw")}
    assert len(first) == len(images) + 2, "two pictures led to the same answer"

    models = {p.stem: {"file": p.name, "sha256": store.digest(p)} for p in sorted(folder.glob("*.gguf"))}
    if case.get("quantised"):
        models["mmproj-q8_0"].update(quantisation_cost(model, pixels, embeddings))
    store.write_manifest(folder, {
        "case": name, "about": case["about"], "seed": case["seed"], "versions": store.versions(), "models": models,
        "image_size": size, "patch_size": 14, "tokens_per_image": len(embeddings["shapes"]), "steps": reference.STEPS,
        "aspect_ratio": case["aspect_ratio"] or "crop", "pictures": entries, "runs": runs})


if __name__ == "__main__":
    torch.set_num_threads(1)
    images = pictures.draw(HERE / "images")
    for name in sys.argv[1:] or CASES:
        print(name, flush=True)
        shutil.rmtree(HERE / name, ignore_errors=True)
        make(name, CASES[name], images, HERE / name)
