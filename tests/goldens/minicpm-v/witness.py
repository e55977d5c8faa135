"""A second witness: llama.cpp's mtmd on a 2.6 of width 128 (it hard-codes heads of 128) and a picture that it does not resize. Run it in the
reference chroot beside the goldens' folders, with llama-mtmd-cli installed; prints the cosine of mtmd's embeddings to this folder's rules."""
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


class Wide(make.V26):
    name, heads = "witness", 1


case, folder = Wide(), pathlib.Path(tempfile.mkdtemp())
case.build()
case.export(folder)
image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (make.SCALE, make.SCALE, 3), dtype=np.uint8))
image.save(folder / "square.png")
ours = case.encode(case.prepare(image)[0]["original"], image)[1].numpy()
subprocess.run(["llama-mtmd-cli", "-m", "language-f16.gguf", "--mmproj", "mmproj-f16.gguf", "--image", "square.png", "-p", "What?", "-n", "1",
                "--jinja", "--chat-template", "chatml"], cwd=folder, check=True, capture_output=True,
               env={**os.environ, "MTMD_DEBUG_EMBEDDINGS": str(folder / "dump.bin")})
theirs = np.fromfile(folder / "dump.bin", dtype=np.float32, offset=8).reshape(ours.shape)
cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
print(f"{folder}: cosine {cosine.mean():.7f} mean, {cosine.min():.7f} worst of {len(cosine)} rows")
