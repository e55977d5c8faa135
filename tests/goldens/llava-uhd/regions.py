"""The spatially constrained resampler of LLaVA-UHD's release, after thunlp/LLaVA-UHD, branch LLaVA-UHD-v1:
llava/model/multimodal_projector/adapt_spatial_resampler.py (AdaptSpatialResampler), llava/slice_process.py (slice_image_feature_minicpm,
generate_subimage_coordinates, resize_image_keep_ratio)."""
import math

import torch
from torchvision.ops import roi_align

import preprocess
from resampler import Resampler


def resize_image_keep_ratio(image, longest):
    if image.width > image.height:
        size = (longest, int((longest / image.width) * image.height))
    else:
        size = (int((longest / image.height) * image.width), longest)
    return preprocess.resize(image, size)


def best_pooling_size(ratio):
    """Rows and columns."""
    best, least = (3, 3), float("inf")
    for columns, rows in [(4, 2), (3, 2), (4, 3), (3, 3), (2, 4), (2, 3), (3, 4)]:
        error = abs(math.log(ratio) - math.log(columns / rows))
        if error < least:
            best, least = (rows, columns), error
    return best


def region_boxes(height, width, count):
    ratio = height * width / count
    high = math.sqrt(ratio / (width / height))
    wide = high * (width / height)
    rows, columns = int(round(height / high)), int(round(width / wide))
    assert rows * columns == count
    return torch.tensor([[0, j * wide, i * high, j * wide + wide, i * high + high] for i in range(rows) for j in range(columns)], dtype=torch.float32)


class SpatialResampler(Resampler):
    """forward takes the grid too: each query attends to the points of its own region."""

    def unfold(self, x, rows, columns):
        """[patches, width] -> [queries, points, width]."""
        x = x.T.reshape(1, self.width, rows, columns)
        aligned = roi_align(x, region_boxes(rows, columns, self.count), best_pooling_size(columns / rows), spatial_scale=1.0)
        return aligned.flatten(-2).permute(0, 2, 1)

    def forward(self, features, key_positions, query_positions, rows, columns):
        values = self.norm_kv(self.kv_proj(features))
        asked = (self.norm_q(self.query) + query_positions)[:, None]
        key, value = self.unfold(values + key_positions, rows, columns), self.unfold(values, rows, columns)
        out = self.attn(asked.permute(1, 0, 2), key.permute(1, 0, 2), value.permute(1, 0, 2))[0][0]
        return self.norm_post(out) @ self.proj
