"""The two of Cambrian-1's towers that transformers does not have as the authors use them, in plain PyTorch and named as in timm: SigLIP's vision
transformer (huggingface/pytorch-image-models, timm/models/vision_transformer.py, vit_so400m_patch14_siglip_384: GELU in the erf form, whatever
the SigLIP class of transformers takes) and ConvNeXt (timm/models/convnext.py, convnext_xxlarge: epsilon 1e-5)."""
import torch
from torch import nn
from torch.nn import functional as F


class PatchEmbed(nn.Module):
    def __init__(self, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Mlp(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        batch, count, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, count, width))


class Block(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Mlp(width, inner)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Siglip(nn.Module):
    """forward_features: the last norm, no pooling."""

    def __init__(self, image_size, patch, width, depth, heads, inner):
        super().__init__()
        self.patch_embed = PatchEmbed(patch, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, (image_size // patch) ** 2, width))
        self.blocks = nn.ModuleList(Block(width, heads, inner) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm, self.mlp = nn.LayerNorm(width, eps=eps), Mlp(width, 4 * width)
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        inner = self.mlp(self.norm(self.conv_dw(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return inner * self.gamma.reshape(1, -1, 1, 1) + x


class ConvNeXtStage(nn.Module):
    def __init__(self, before, width, depth, stride, eps):
        super().__init__()
        self.downsample = nn.Identity()
        if before != width or stride > 1:
            self.downsample = nn.Sequential(LayerNorm2d(before, eps=eps), nn.Conv2d(before, width, 2, stride))
        self.blocks = nn.Sequential(*(ConvNeXtBlock(width, eps) for _ in range(depth)))

    def forward(self, x):
        return self.blocks(self.downsample(x))


class ConvNeXt(nn.Module):
    """The stages' maps, from the finest on."""

    def __init__(self, depths, widths, eps):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), LayerNorm2d(widths[0], eps=eps))
        before = [widths[0], *widths]
        self.stages = nn.Sequential(*(ConvNeXtStage(before[k], widths[k], depths[k], 2 if k else 1, eps) for k in range(4)))

    def forward(self, x):
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
