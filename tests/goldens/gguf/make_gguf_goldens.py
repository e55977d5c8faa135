"""Makes all_types.gguf with gguf-py, and all_types.json with what a reader must find in it.

Run again after a change, in the reference chroot (python3-gguf 1:0.7.0; its size table is that of
llama.cpp v0.5.0). It writes beside itself:
    cp tests/goldens/gguf/make_gguf_goldens.py ~/.cache/oracle/ref/
    ~/.cache/oracle/ref/enter.sh python3 /ref/make_gguf_goldens.py
    mv ~/.cache/oracle/ref/all_types.* tests/goldens/gguf/
"""
import hashlib
import json
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType as Kind

FOLDER = pathlib.Path(__file__).resolve().parent
ALIGNMENT = 64

# Kind, values that show width and sign; each becomes a scalar (the first) and an array (all).
NUMBERS = [
    (Kind.UINT8, [255, 0, 7]),
    (Kind.INT8, [-128, 127]),
    (Kind.UINT16, [65535, 1]),
    (Kind.INT16, [-32768, 32767]),
    (Kind.UINT32, [4294967295, 2]),
    (Kind.INT32, [-2147483648, 2147483647]),
    (Kind.FLOAT32, [0.10000000149011612, -3.4028234663852886e38, 1.401298464324817e-45]),
    (Kind.BOOL, [True, False, True]),
    (Kind.UINT64, [18446744073709551615, 3]),
    (Kind.INT64, [-9223372036854775808, 9223372036854775807]),
    (Kind.FLOAT64, [0.1, -1.7976931348623157e308]),
]
TEXTS = ["", "plain", "äöü €", "mosaic 🧩", "line\nbreak\ttab"]
NESTED = [[1, 2], [3], [-4, 5, 6]]


def add_metadata(writer):
    expected = []

    def add(key, value, kind, element_kind=None):
        writer.add_key_value(key, value, kind, element_kind)
        element_type = int(kind if element_kind is None else element_kind)
        expected.append({"key": key, "type": int(kind), "element_type": element_type, "value": value})

    for kind, values in NUMBERS:
        name = kind.name.lower()
        add(f"scalar.{name}", values[0], kind)
        add(f"array.{name}", values, Kind.ARRAY, kind)
    add("scalar.string", TEXTS[3], Kind.STRING)
    add("array.string", TEXTS, Kind.ARRAY, Kind.STRING)
    add("array.nested", NESTED, Kind.ARRAY, Kind.ARRAY)
    return expected


def add_tensors(writer):
    random = np.random.default_rng(20)
    data = {}
    for index, kind in enumerate(gguf.GGML_QUANT_SIZES):
        block_bytes = gguf.GGML_QUANT_SIZES[kind][1]
        outer = [(), (2,), (1, 3), (2, 1, 2)][index % 4]
        name = f"t.{kind.name}.weight"
        data[name] = random.integers(0, 256, (*outer, block_bytes), dtype=np.uint8)
        writer.add_tensor(name, data[name], raw_dtype=kind)
    return data


def describe_tensors(path, data):
    described = []
    for tensor in gguf.GGUFReader(path).tensors:
        described.append({
            "name": tensor.name, "type": int(tensor.tensor_type), "shape": [int(n) for n in tensor.shape],
            "elements": int(tensor.n_elements), "offset": int(tensor.data_offset), "bytes": int(tensor.n_bytes),
            "sha256": hashlib.sha256(data[tensor.name].tobytes()).hexdigest(),
        })
    return described


def main():
    path = FOLDER / "all_types.gguf"
    writer = gguf.GGUFWriter(path, "tessera-golden")
    writer.add_custom_alignment(ALIGNMENT)
    metadata = add_metadata(writer)
    data = add_tensors(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    golden = {
        "script_sha256": hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest(),
        "gguf_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "architecture": "tessera-golden",
        "alignment": ALIGNMENT,
        "metadata": metadata,
        "tensors": describe_tensors(path, data),
        "block_sizes": [[kind.name, int(kind), *sizes] for kind, sizes in gguf.GGML_QUANT_SIZES.items()],
        "known_types": sorted(int(kind) for kind in GGMLQuantizationType),
    }
    (FOLDER / "all_types.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
