"""A video for MiniCPM-V 2.6: openbmb/MiniCPM-V-2_6, README.md ("chat with video") and modeling_minicpmv.py, chat: frames as pictures without
numbers, a line each, cut into max_slice_nums slices at most."""
import slices
import video_layout
from corpus import CORPUS
from reference import QWEN
from vocabularies import Qwen2Vocabulary

SCALE, QUERIES = 112, 64
SIZES = [(96, 64), (300, 200), (200, 500), (900, 620)]


def uniform(count, most):
    """encode_video, uniform_sample: the middles of equal parts, where there are more frames (one a second) than wanted."""
    gap = count / most
    return list(range(count)) if count <= most else [int(i * gap + gap / 2) for i in range(most)]


def frame(size, most):
    """get_slice_image_placeholder with use_image_id=False."""
    columns, rows = slices.Slicer(SCALE, 14, most).sliced_grid(size) or (0, 0)
    tiles = ((["<slice>", QUERIES, "</slice>"] * columns + ["\n"]) * rows)[:-1]
    return ["<image>", QUERIES, "</image>", *tiles]


def main(here):
    vocabulary, entries = Qwen2Vocabulary(CORPUS), []
    for size in SIZES:
        for most in (1, 2):
            indexes = uniform(11, 3)
            parts = [part for _ in indexes for part in (*frame(size, most), "\n")][:-1]
            entries.append(video_layout.entry(vocabulary, QWEN, size, indexes, parts, case="minicpm-v-2.6", total=11, frame_count=3, max_slice_nums=most))
    video_layout.write(here / "video.json", entries)
