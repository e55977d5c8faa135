"""LLaVA-1.5-HD, for which no code was released: the rules of arXiv 2310.03744, section 4.1 and appendix A, written out."""
import numpy as np
import torch

import anyres
import preprocess
from next_cases import SIDE, PlainNext

PATCH = 14
# "up to six grids (1x1, 1x2, ..., 1x6, 2x2, 2x3, and their transpose)"
PINPOINTS = [(columns * SIDE, rows * SIDE) for columns in range(1, 7) for rows in range(1, 7) if columns * rows <= 6]


def fitted(size, target):
    """As large as fits, rounded up: LLaVA-NeXT's rule in whole numbers, since its rounding error would let a column of patches in."""
    (width, height), (target_width, target_height) = size, target
    if target_width * height < target_height * width:
        return target_width, -(-height * target_width // width)
    return -(-width * target_height // height), target_height


class LlavaHd(PlainNext):
    name = "llava-1.5-hd"
    about = "LLaVA-1.5-HD as the paper says: up to six tiles, only what shows nothing but padding is dropped; canvases not listed"
    picture_names, pair = ("native", "wide", "tall", "page", "small", "shapes", "edge", "whole"), ("shapes", "edge")
    anyres_keys = {"clip.projector_type": "mlp", "clip.vision.image_aspect_ratio": "hd"}
    legacy_keys = {key: value for key, value in PlainNext.legacy_keys.items() if key not in PlainNext.anyres_keys} | anyres_keys

    def prepare(self, image):
        """Most detail first, then least waste: the two criteria are LLaVA-NeXT's, as are the fit and the black padding."""
        pixels, plan = anyres.slices(image, SIDE, PINPOINTS, preprocess.CLIP_MEAN, preprocess.CLIP_STD, fitted)
        return {"original": pixels}, plan

    @torch.no_grad()
    def encode(self, pixels, image):
        features, rows = self.tower(pixels)
        target = anyres.select_best_resolution(image.size, PINPOINTS)
        feature_map = self.merge(rows[1:], target[0] // SIDE, target[1] // SIDE)
        shown = self.shown_cells(image, target)
        kept = feature_map[shown.any(dim=1)][:, shown.any(dim=0)]                       # "features corresponding exclusively to the paddings are discarded"
        newline = self.model.model.image_newline.expand(kept.shape[0], 1, -1)
        kept = torch.cat([kept, newline], dim=1)                                        # "a special token to the end of each row of features"
        return features, torch.cat([rows[0], kept.flatten(0, 1)])                       # and the features of the downsampled image

    @staticmethod
    def merge(rows, columns, grid_rows):
        """"merged back to a single large feature map": [tiles, patches, width] to [rows, columns, width]."""
        side = SIDE // PATCH
        tiles = rows.reshape(grid_rows, columns, side, side, -1)
        return torch.cat([torch.cat(list(line), dim=1) for line in tiles], dim=0)

    @staticmethod
    def shown_cells(image, target):
        """Which patches of the canvas show at least one pixel of the picture."""
        width, height = fitted(image.size, target)
        canvas = np.zeros((target[1], target[0]), dtype=bool)
        left, top = (target[0] - width) // 2, (target[1] - height) // 2
        canvas[top:top + height, left:left + width] = True
        patches = canvas.reshape(target[1] // PATCH, PATCH, target[0] // PATCH, PATCH)
        return torch.from_numpy(patches.any(axis=(1, 3)))
