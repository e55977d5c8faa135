"""A case whose pictures are cut into slices of their own size: pixels and features of a picture lie end to end."""
import numpy as np
import torch

import preprocess
from golden_case import GoldenCase


class SlicedCase(GoldenCase):
    """Its model has encode, from the pixels of one slice to the tower's features and the resampler's rows."""
    slicer = None
    mean, std = preprocess.CLIP_MEAN, preprocess.CLIP_STD

    def parts(self, image):
        """The slices in the order in which they enter the language model."""
        return self.slicer.images(image)[0]

    def grid_of(self, picture):
        """Columns and rows, or None."""
        return self.slicer.sliced_grid(self.images[picture].size)

    def prepare(self, image):
        parts = self.parts(image)
        pixels = np.concatenate([preprocess.normalise(part, self.mean, self.std).ravel() for part in parts])
        return {"original": pixels}, {**self.slicer.facts(image), "slices": [list(part.size) for part in parts]}

    @torch.no_grad()
    def encode(self, pixels, image):
        results, start = [], 0
        for part in self.parts(image):
            length = 3 * part.width * part.height
            results.append(self.model.encode(torch.from_numpy(pixels[start:start + length].reshape(3, part.height, part.width))))
            start += length
        return torch.cat([features for features, _ in results]), torch.cat([rows for _, rows in results])

    def class_logits(self, ids, pixels, images):
        """Rows are scattered over the placeholders: get_vllm_embedding of MiniCPM-V, and what LLaVA's splicing comes to."""
        rows = torch.cat([self.encode(part, image)[1] for part, image in zip(pixels, images)])
        embedded = self.model.get_input_embeddings()(ids)[0].clone()
        embedded[ids[0] == self.placeholder] = rows
        return self.model.lm_head(self.model.model.language_model(inputs_embeds=embedded[None]).last_hidden_state[0, -1])
