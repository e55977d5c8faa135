"""The files of a case: .npy arrays and one manifest.json that names them."""
import hashlib
import json

import numpy as np


def save(folder, name, array):
    """Writes float32 [..] as name.npy and returns the file name."""
    np.save(folder / f"{name}.npy", np.ascontiguousarray(array, dtype=np.float32))
    return f"{name}.npy"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of_values(array):
    """Digest of the float32 values alone, little-endian, last axis fastest."""
    return {"sha256": hashlib.sha256(np.ascontiguousarray(array, dtype="<f4").tobytes()).hexdigest()}


def versions():
    import gguf, PIL, sentencepiece, tokenizers, torch, transformers     # noqa: E401
    from importlib.metadata import PackageNotFoundError, version
    try:
        gguf_version = version("gguf")
    except PackageNotFoundError:
        gguf_version = getattr(gguf, "__version__", "unknown")
    return {"torch": torch.__version__, "transformers": transformers.__version__, "pillow": PIL.__version__,
            "numpy": np.__version__, "gguf": gguf_version, "sentencepiece": sentencepiece.__version__,
            "tokenizers": tokenizers.__version__}


def _compact(value, indent=""):
    """JSON with one line per leaf list, so that token ids stay readable."""
    deeper = indent + "  "
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(flat) + len(indent) <= 150 or (
            isinstance(value, list) and not any(isinstance(v, (dict, list)) for v in value)):
        return flat
    if isinstance(value, dict):
        rows = [f"{deeper}{json.dumps(k)}: {_compact(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + _compact(v, deeper) for v in value) + f"\n{indent}]"


def write_manifest(folder, manifest):
    (folder / "manifest.json").write_text(_compact(manifest) + "\n", encoding="utf-8")
