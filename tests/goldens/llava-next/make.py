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

if __name__ == "__main__":
    main([LlavaNext(), LlavaOnevision(), LlavaHd(), LlavaNextNormed(), LlavaNextMax()], HERE, sys.argv[1:])
    if sys.argv[1:] in ([], ["expansions"]):
        expansions.main(HERE)
