"""Makes a checkpoint of train.py from the two GGUF files, the way back from export.py, so that a published model can be trained on.

    python3 load.py --out run/start.pt [--folder .] [--sliced]

The matrices are those of the file, rounded to Q8_0; the helper heads and the optimizer start anew.
"""
import argparse, os
import gguf
import numpy as np
import torch
from draw import HERE
from export import files, gguf_name, rotary_back
from model import DIM, Tiny
from slices import PATCH


def tensors(path):
    """Name -> float32 array in PyTorch's order of dimensions."""
    out = {}
    for t in gguf.GGUFReader(path).tensors:
        a = gguf.quants.dequantize(t.data, t.tensor_type) if t.tensor_type != gguf.GGMLQuantizationType.F32 else t.data
        out[t.name] = torch.from_numpy(np.array(a, np.float32))
    return out


def joined(w, name):
    """A parameter of model.Tiny; export.standard() tells what is undone here."""
    if ".qkv." in name:
        parts = [w[gguf_name(name.replace("qkv", p))] for p in "qkv"]
        if name.startswith("blocks."):
            parts = [rotary_back(p) if p is not parts[2] else p for p in parts]
        return torch.cat(parts)
    t = w[gguf_name(name)]
    if name.startswith("vision.") and ".up." in name:
        return t * 1.702
    if name.startswith("vision.") and name.endswith(".down.weight"):
        return t / 1.702
    return t.reshape(DIM, 3 * PATCH * PATCH) if name == "patch.weight" else t


def load(folder, sliced):
    vision, language = files(folder, sliced)
    w = tensors(vision) | tensors(language)
    return {n: joined(w, n).reshape(p.shape).contiguous() for n, p in Tiny(1, 1, sliced=sliced).named_parameters() if not n.startswith("aux")}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--out", required=True)
    a.add_argument("--folder", default=HERE)
    a.add_argument("--sliced", action="store_true", help="the files in LLaVA-NeXT's layout")
    a = a.parse_args()
    os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    torch.save(dict(master=load(a.folder, a.sliced), step=0, seen=0), a.out)


if __name__ == "__main__":
    main()
