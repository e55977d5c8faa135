"""Goldens of the LLaVA models that cut pictures into tiles, with random weights. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import expansions
from golden_case import main
from hd_case import LlavaHd
from next_cases import LlavaNext, LlavaNextMax, LlavaNextNormed
from onevision_case import LlavaOnevision
from text_cases import LlavaNextLlama3, LlavaNextQwen

if __name__ == "__main__":
    main([LlavaNext(), LlavaOnevision(), LlavaHd(), LlavaNextNormed(), LlavaNextMax(), LlavaNextLlama3(), LlavaNextQwen()], HERE, sys.argv[1:])
    if sys.argv[1:] in ([], ["expansions"]):
        expansions.main(HERE)
