"""Writes the two GGUF files of a checkpoint of train.py, and checks them against transformers.

    python3 export.py --checkpoint run/last.pt --out . [--check]
"""
import argparse, json, os
import gguf
import numpy as np
import torch
from draw import HERE
from model import CONTEXT, DIM, EPS, FFN, HEADS, LANGUAGE_LAYERS, MEAN, STD, THETA, VISION_FFN, VISION_LAYERS, VOCAB
from slices import CANVASES, IMAGE, PATCH
from tokenizer import MARKS, SPECIAL

# Vicuna's turns without the system sentence; pictures first, as in training.
TEMPLATE = """{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{{- 'USER: ' -}}
{%- elif message['role'] == 'assistant' -%}
{{- 'ASSISTANT: ' -}}
{%- endif -%}
{%- if message['content'] is string -%}
{{- message['content'] | trim -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' or part['type'] == 'image_url' -%}
{{- '<image>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'text' -%}
{{- part['text'] | trim -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- if message['role'] == 'assistant' -%}
{{- '</s>' -}}
{%- else -%}
{{- ' ' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- 'ASSISTANT:' -}}
{%- endif -%}"""


def standard(master):
    """The checkpoint as weights of the standard graph: quick_gelu's factor out of the MLP, q, k and v apart, norms of ones."""
    w = {}
    for name, t in master.items():
        t = t.detach().float()
        if name.startswith("aux"):
            continue
        if name.startswith("vision.") and ".up." in name:
            t = t / 1.702
        if name.startswith("vision.") and name.endswith(".down.weight"):
            t = t * 1.702
        if ".qkv." in name:
            for part, x in zip("qkv", t.chunk(3)):
                w[name.replace("qkv", part)] = x
        else:
            w[name] = t
    for i in range(LANGUAGE_LAYERS):
        w[f"blocks.{i}.n1.weight"] = w[f"blocks.{i}.n2.weight"] = torch.ones(DIM)
    w["norm.weight"] = torch.ones(DIM)
    return w


NAMES = {"patch.weight": "v.patch_embd.weight", "cls": "v.class_embd", "pos": "v.position_embd.weight", "pre": "v.pre_ln",
         "mm0": "mm.0", "mm2": "mm.2", "newline": "model.image_newline", "embed": "token_embd", "head": "output", "norm": "output_norm"}
VISION = {"ln1": "ln1", "ln2": "ln2", "q": "attn_q", "k": "attn_k", "v": "attn_v", "out": "attn_out", "up": "ffn_up", "down": "ffn_down"}
TEXT = {"n1": "attn_norm", "n2": "ffn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "out": "attn_output", "gate": "ffn_gate",
        "up": "ffn_up", "down": "ffn_down"}


def gguf_name(name):
    parts = name.split(".")
    if name in NAMES:
        return NAMES[name]
    if parts[0] == "vision":
        return f"v.blk.{parts[1]}.{VISION[parts[2]]}.{parts[3]}"
    if parts[0] == "blocks":
        return f"blk.{parts[1]}.{TEXT[parts[2]]}.{parts[3]}"
    return f"{NAMES[parts[0]]}.{parts[1]}"


def rotary(t):
    """From transformers' order of a head's rows (halves) to llama.cpp's (pairs)."""
    return t.reshape(HEADS, 2, -1, t.shape[1]).swapaxes(1, 2).reshape(t.shape)


def rotary_back(t):
    return t.reshape(HEADS, -1, 2, t.shape[1]).swapaxes(1, 2).reshape(t.shape)


def files(folder, sliced):
    """The projector and the language model."""
    name = "tessera-tiny-next" if sliced else "tessera-tiny"
    return os.path.join(folder, f"{name}-mmproj-Q8_0.gguf"), os.path.join(folder, f"{name}-Q8_0.gguf")


def add(writer, name, t):
    a = t.numpy().astype(np.float32)
    if name == "v.patch_embd.weight":
        writer.add_tensor(name, a.reshape(DIM, 3, PATCH, PATCH).astype(np.float16))
    elif a.ndim == 2 and name != "v.position_embd.weight":
        q = gguf.quants.quantize(a, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, q, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    else:
        writer.add_tensor(name, a)


def about(writer, what):
    writer.add_name("Tessera tiny")
    writer.add_description(what)
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def finish(writer, path):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(path, os.path.getsize(path))


def write_vision(w, path):
    g = gguf.GGUFWriter(path, "clip")
    about(g, "Image encoder and projector of the tiny demonstration model")
    g.add_bool("clip.has_text_encoder", False)
    g.add_bool("clip.has_vision_encoder", True)
    g.add_bool("clip.has_llava_projector", True)
    g.add_string("clip.projector_type", "mlp")
    for key, value in (("image_size", IMAGE), ("patch_size", PATCH), ("embedding_length", DIM), ("feed_forward_length", VISION_FFN),
                       ("projection_dim", DIM), ("attention.head_count", HEADS), ("block_count", VISION_LAYERS)):
        g.add_uint32("clip.vision." + key, value)
    g.add_float32("clip.vision.attention.layer_norm_epsilon", EPS)
    if "newline" in w:
        g.add_string("clip.vision.image_aspect_ratio", "anyres")
        g.add_string("clip.vision.mm_patch_merge_type", "spatial_unpad")
        g.add_array("clip.vision.image_grid_pinpoints", [side for canvas in CANVASES for side in canvas])
    else:
        g.add_string("clip.vision.image_aspect_ratio", "pad")
    g.add_array("clip.vision.image_mean", list(MEAN))
    g.add_array("clip.vision.image_std", list(STD))
    g.add_bool("clip.use_gelu", False)
    for name, t in w.items():
        if name.split(".")[0] in ("patch", "cls", "pos", "pre", "vision", "mm0", "mm2", "newline"):
            add(g, gguf_name(name), t)
    finish(g, path)


def write_language(w, tokenizer, path):
    g = gguf.GGUFWriter(path, "llama")
    about(g, "Language model of the tiny demonstration model: shapes, colours, places, counts, printed words, some emoji")
    g.add_vocab_size(VOCAB)
    g.add_context_length(CONTEXT)
    g.add_embedding_length(DIM)
    g.add_block_count(LANGUAGE_LAYERS)
    g.add_feed_forward_length(FFN)
    g.add_head_count(HEADS)
    g.add_head_count_kv(HEADS)
    g.add_rope_dimension_count(DIM // HEADS)
    g.add_rope_freq_base(THETA)
    g.add_layer_norm_rms_eps(EPS)
    d = json.load(open(tokenizer, encoding="utf-8"))
    ids = d["model"]["vocab"] | {t["content"]: t["id"] for t in d["added_tokens"]}
    tokens = sorted(ids, key=ids.get)
    kinds = [gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.USER_DEFINED if t in MARKS else gguf.TokenType.NORMAL
             for t in tokens]
    g.add_tokenizer_model("gpt2")
    g.add_tokenizer_pre("gpt-2")
    g.add_token_list(tokens)
    g.add_token_types(kinds)
    g.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in d["model"]["merges"]])
    g.add_bos_token_id(ids["<s>"])
    g.add_eos_token_id(ids["</s>"])
    g.add_unk_token_id(ids["<unk>"])
    g.add_add_bos_token(True)
    g.add_add_eos_token(False)
    g.add_chat_template(TEMPLATE)
    for name, t in w.items():
        if name.split(".")[0] in ("embed", "blocks", "norm", "head"):
            add(g, gguf_name(name), rotary(t) if name.split(".")[-2] in "qk" else t)
    finish(g, path)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--checkpoint", required=True)
    a.add_argument("--out", default=HERE)
    a.add_argument("--tokenizer", default=os.path.join(HERE, "tokenizer.json"))
    a.add_argument("--check", action="store_true")
    a = a.parse_args()
    s = torch.load(a.checkpoint, weights_only=False, map_location="cpu")
    print("step", s["step"], "pictures", s["seen"])
    w = standard(s["master"])
    if a.check:
        from check import against_transformers
        against_transformers(s["master"], w)
    vision, language = files(a.out, "newline" in w)
    write_vision(w, vision)
    write_language(w, a.tokenizer, language)


if __name__ == "__main__":
    main()
