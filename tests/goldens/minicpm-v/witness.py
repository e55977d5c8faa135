"""A second witness: llama.cpp's mtmd on a 2.6 of width 128 (it hard-codes heads of 128) and on 4.6, with a picture that it does not resize. Run
it in the reference chroot beside the goldens' folders, with llama-mtmd-cli installed or named; prints the cosine of mtmd's embeddings to
this folder's."""
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import numpy as np
from PIL import Image

import golden_case
golden_case.LANGUAGE.update(hidden_size=128)     # before make takes it
import make
import release46


class Wide(make.V26):
    name, heads = "witness-2.6", 1


class Wide46(release46.V46):
    name = "witness-4.6"


def witness(case):
    folder = pathlib.Path(tempfile.mkdtemp())
    case.build()
    case.export(folder)
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (make.SCALE, make.SCALE, 3), dtype=np.uint8))
    image.save(folder / "square.png")
    ours = case.encode(case.prepare(image)[0]["original"], image)[1].numpy()
    program = sys.argv[1] if len(sys.argv) > 1 else "llama-mtmd-cli"
    result = subprocess.run([program, "-m", "language-f16.gguf", "--mmproj", "mmproj-f16.gguf", "--image", "square.png", "-p", "What?", "-n", "1",
                             "--jinja", "--chat-template", "chatml"], cwd=folder, capture_output=True, text=True, errors="replace",
                            env={**os.environ, "MTMD_DEBUG_EMBEDDINGS": str(folder / "dump.bin")})
    if result.returncode:
        print(result.stderr[-2000:])
    theirs = np.fromfile(folder / "dump.bin", dtype=np.float32, offset=8).reshape(ours.shape)
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    print(f"{case.name}: cosine {cosine.mean():.7f} mean, {cosine.min():.7f} worst of {len(cosine)} rows")


for case in Wide(), Wide46():
    witness(case)
