"""What llama.cpp's own converter makes of a checkpoint: its keys and the digests of its tensors."""
import hashlib
import json
import pathlib
import runpy
import sys
import tempfile

LLAMA = pathlib.Path("/ref/llama.cpp")     # llama.cpp v0.5.0's source: convert_hf_to_gguf.py, conversion/, gguf-py/
sys.path[:0] = [str(LLAMA), str(LLAMA / "gguf-py")]

import gguf
import numpy as np
from conversion.base import TextModel


def convert(folder, out_type, pre, mmproj=False):
    """The file that convert_hf_to_gguf.py writes. Small vocabularies have none of the digests by which it knows pre-tokenizers: pre names it."""
    TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out) / "out.gguf"
        arguments = [str(folder), "--outfile", str(path), "--outtype", out_type] + (["--no-mtp"] if pre == "qwen35" else []) + (["--mmproj"] if mmproj else [])
        before, sys.argv = sys.argv, ["convert_hf_to_gguf.py", *arguments]
        try:
            runpy.run_path(str(LLAMA / "convert_hf_to_gguf.py"), run_name="__main__")
        except SystemExit as end:
            assert not end.code, end
        finally:
            sys.argv = before
        return describe(path)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def describe(path):
    reader = gguf.GGUFReader(path)
    keys = {}
    for field in reader.fields.values():
        if field.name.startswith("GGUF."):
            continue
        kinds = [gguf.GGUFValueType(kind).name.lower() for kind in field.types]
        value = field.contents()
        if len(kinds) == 1:
            keys[field.name] = {"kind": kinds[0], "value": value}
        elif kinds[1] == "string":
            keys[field.name] = {"kind": "array of string", "count": len(value), "sha256": digest("\n".join(value).encode())}
        else:
            array = np.array(value, {"float32": np.float32, "uint8": np.uint8}.get(kinds[1], np.int32))
            keys[field.name] = {"kind": f"array of {kinds[1]}", "count": len(value), "sha256": digest(array.tobytes())}
    tensors = {t.name: {"type": t.tensor_type.name, "shape": [int(n) for n in t.shape], "sha256": digest(np.ascontiguousarray(t.data).tobytes())}
               for t in reader.tensors}
    return {"keys": keys, "tensors": tensors}


def write(path, described):
    """One line for each key and tensor, so that a change is readable."""
    lines = ["{"]
    for part in described:
        lines.append(f' "{part}": {{')
        lines.append(",\n".join(f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in described[part].items()))
        lines.append(" }" + ("," if part != list(described)[-1] else ""))
    path.write_text("\n".join(lines) + "\n}\n", encoding="utf-8")
