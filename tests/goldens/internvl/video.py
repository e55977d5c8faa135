"""A video for InternVL 2 to 3: OpenGVLab/InternVL2-8B, README.md ("video multi-round conversation"): one tile a frame, each with its number."""
import numpy as np

import video_layout
import vocabularies
from corpus import CORPUS


def middles(count, segments):
    """get_index: from the middle of the first part on, in steps that are rounded (half to even); the last frame's number is count - 1."""
    step = float(count - 1) / segments
    return [int(step / 2 + np.round(step * part)) for part in range(segments)]


def main(here, cases):
    entries = []
    for case in cases:
        vocabulary, tokens = case.vocabulary_type(CORPUS), (case.image_size // case.patch_size) ** 2 // 4
        for asked in (3, 8):
            indexes = middles(11, asked)
            parts = [part for k in range(asked) for part in (f"Frame{k + 1}: ", vocabularies.BEGIN, tokens, vocabularies.END, "\n")][:-1]
            entries.append(video_layout.entry(vocabulary, case.prompts["chat"].replace(f"{video_layout.reference.MEDIA}\n", ""), (96, 64), indexes, parts,
                                              case=case.name, total=11, frame_count=asked))
    video_layout.write(here / "video.json", entries)
