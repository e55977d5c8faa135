"""Goldens of the LLaVA models that take videos and several pictures, with random weights. See README.md."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

from golden_case import main
from next_video import LlavaNextVideo, LlavaNextVideoRelease
from siglip_cases import LlavaInterleave, LlavaOnevisionVideo

if __name__ == "__main__":
    main([LlavaNextVideo(), LlavaNextVideoRelease(), LlavaOnevisionVideo(), LlavaInterleave()], HERE, sys.argv[1:])
