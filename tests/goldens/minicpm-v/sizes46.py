"""How transformers' processor of MiniCPM-V 4.6 cuts pictures of all shapes at its released scale: columns, rows, and the sizes of the overview and
of a tile."""
import json
import random

from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil

COUNT, SCALE, PATCH, MOST = 400, 448, 14, 9


def cut(processor, width, height):
    grid = processor.get_sliced_grid((height, width), MOST, SCALE)
    overview = processor.find_best_resize((height, width), SCALE, PATCH, allow_upscale=grid is None)
    if grid is None:
        return [1, 1, overview[1], overview[0], 0, 0]
    refined = processor.get_refine_size((height, width), grid, SCALE, PATCH, allow_upscale=True)
    down, across = grid     # _preprocess reads them so, though get_sliced_grid calls the first columns
    return [across, down, overview[1], overview[0], refined[1] // across, refined[0] // down]


def main(here):
    processor, draw = MiniCPMV4_6ImageProcessorPil(), random.Random(46)
    sizes = [(800, 1300), (1920, 1080), (640, 480), (300, 200), (448, 448), (449, 448), (56, 28), (1, 1)]
    sizes += [tuple(draw.randint(1, draw.choice([500, 3000])) for _ in range(2)) for _ in range(COUNT)]
    sizes = [size for size in sizes if max(size) < 500 * min(size)]
    rows = ",\n".join(json.dumps([*size, *cut(processor, *size)], separators=(",", ":")) for size in sizes)
    (here / "sizes46.json").write_text("[\n" + rows + "\n]\n")
