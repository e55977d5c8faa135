"""The perceiver resampler of MiniCPM-V (resampler.py of openbmb/MiniCPM-V-2, MiniCPM-Llama3-V-2_5 and MiniCPM-V-2_6) and LLaVA-UHD
(thunlp/LLaVA-UHD, llava_uhd/resampler.py), one slice at a time, and a SigLIP or CLIP tower that takes its positions from outside."""
import numpy as np
import torch
from torch import nn


def sincos_1d(width, positions):
    omega = np.arange(width // 2, dtype=np.float32)
    omega /= width / 2.0
    omega = 1.0 / 10000 ** omega
    angles = np.einsum("m,d->md", positions.reshape(-1), omega)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def sincos_2d(width, rows, columns):
    """facebookresearch/mae util/pos_embed.py; the column first."""
    grid = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return torch.from_numpy(np.concatenate([sincos_1d(width // 2, grid[0]), sincos_1d(width // 2, grid[1])], axis=1)).float()


class Resampler(nn.Module):
    """The norms have other names than the original's (ln_q, ln_kv, ln_post), so that they are randomised as norms."""

    def __init__(self, inputs, width, queries, heads):
        super().__init__()
        self.width, self.count = width, queries
        self.query = nn.Parameter(torch.zeros(queries, width))
        self.kv_proj = nn.Linear(inputs, width, bias=False)
        self.attn = nn.MultiheadAttention(width, heads)
        self.norm_q, self.norm_kv, self.norm_post = (nn.LayerNorm(width, eps=1e-6) for _ in range(3))
        self.proj = nn.Parameter(torch.zeros(width, width))

    def forward(self, features, key_positions, query_positions=None):
        """[patches, inputs] -> [queries, width]."""
        values = self.norm_kv(self.kv_proj(features))[:, None]
        asked = self.norm_q(self.query)[:, None]
        if query_positions is not None:
            asked = asked + query_positions[:, None]
        out = self.attn(asked, values + key_positions[:, None], values)[0]
        return self.norm_post(out[:, 0]) @ self.proj

    def tensors(self):
        """As minicpmv-convert-image-encoder-to-gguf.py names and turns them."""
        state = self.state_dict()
        out = {"resampler.query": state["query"], "resampler.kv.weight": state["kv_proj.weight"],
               "resampler.proj.weight": state["proj"].T, "resampler.pos_embed_k": sincos_2d(self.width, 2, 2)}
        for kind in ("weight", "bias"):
            for name, part in zip("qkv", state[f"attn.in_proj_{kind}"].chunk(3)):
                out[f"resampler.attn.{name}.{kind}"] = part
            out[f"resampler.attn.out.{kind}"] = state[f"attn.out_proj.{kind}"]
            for name in ("q", "kv", "post"):
                out[f"resampler.ln_{name}.{kind}"] = state[f"norm_{name}.{kind}"]
        return out
