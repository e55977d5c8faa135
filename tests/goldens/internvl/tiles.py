"""InternVL's tiling, after OpenGVLab/InternVL internvl_chat/internvl/train/dataset.py (find_closest_aspect_ratio, dynamic_preprocess,
build_transform)."""
import numpy as np
import torch

import preprocess

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)     # ImageNet's


def nearest_grid(size, side, least, most):
    """Columns and rows, nearest in aspect ratio; an equal one with more tiles wins if the picture has over half its pixels."""
    grids = [(c, r) for c in range(1, most + 1) for r in range(1, most + 1) if least <= c * r <= most]
    best, smallest = None, float("inf")
    for columns, rows in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        difference = abs(size[0] / size[1] - columns / rows)
        if difference < smallest or difference == smallest and size[0] * size[1] > 0.5 * side * side * columns * rows:
            best, smallest = (columns, rows), difference
    return best


def normalise(image):
    """torchvision's ToTensor and Normalize: division by 255, mean and deviation all in float32."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    return pixels.sub(torch.tensor(MEAN)[:, None, None]).div(torch.tensor(STD)[:, None, None]).numpy()


def slices(image, side, least=1, most=12):
    """Pixels [slices, 3, side, side]: the tiles row by row, then the thumbnail if there are several; and the facts of the plan."""
    columns, rows = nearest_grid(image.size, side, least, most)
    stretched = preprocess.resize(image, (columns * side, rows * side))
    parts = [stretched.crop((x, y, x + side, y + side)) for y in range(0, rows * side, side) for x in range(0, columns * side, side)]
    if len(parts) > 1:
        parts.append(preprocess.resize(image, (side, side)))
    return np.stack([normalise(part) for part in parts]), {
        "grid": {"columns": columns, "rows": rows}, "refined": {"width": columns * side, "height": rows * side}}


def check_against_transformers(image, pixels, side, least, most):
    """transformers' Pillow processor with the pass order pinned; it rescales in float64, so a value may differ by a rounding."""
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
    processor = GotOcr2ImageProcessorPil(size={"height": side, "width": side}, crop_to_patches=True, min_patches=least, max_patches=most,
                                         image_mean=list(MEAN), image_std=list(STD))
    with preprocess.horizontal_first():
        theirs = np.asarray(processor(image)["pixel_values"], dtype=np.float32)
    assert theirs.shape == pixels.shape and np.array_equal(theirs, pixels), f"{image.size}: transformers' slices differ by {np.abs(theirs - pixels).max()}"
