"""OpenFlamingo as its authors wrote it, without einops: mlfoundations/open_flamingo v2.0.1, open_flamingo/src/{helpers,flamingo_lm,flamingo,factory}.py,
line by line. The language models and the tower are transformers' (open_clip's ViT-L/14 of OpenAI has the same weights)."""
import torch
import transformers
from torch import nn


def FeedForward(dim, mult=4):
    return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim * mult, bias=False), nn.GELU(), nn.Linear(dim * mult, dim, bias=False))


def heads_of(x, heads):
    """b (t) n (h d) -> b (t) h n d"""
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


class PerceiverAttention(nn.Module):
    def __init__(self, *, dim, dim_head=64, heads=8):
        super().__init__()
        self.scale, self.heads = dim_head**-0.5, heads
        inner_dim = dim_head * heads
        self.norm_media, self.norm_latents = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner_dim, bias=False)
        self.to_kv = nn.Linear(dim, inner_dim * 2, bias=False)
        self.to_out = nn.Linear(inner_dim, dim, bias=False)

    def forward(self, x, latents):
        x, latents = self.norm_media(x), self.norm_latents(latents)
        q = self.to_q(latents)
        k, v = self.to_kv(torch.cat((x, latents), dim=-2)).chunk(2, dim=-1)
        q, k, v = (heads_of(part, self.heads) for part in (q, k, v))
        sim = torch.einsum("... i d, ... j d -> ... i j", q * self.scale, k)
        attn = (sim - sim.amax(dim=-1, keepdim=True).detach()).softmax(dim=-1)
        out = torch.einsum("... i j, ... j d -> ... i d", attn, v)
        return self.to_out(out.transpose(-2, -3).flatten(-2))


class PerceiverResampler(nn.Module):
    def __init__(self, *, dim, depth=6, dim_head=64, heads=8, num_latents=64, ff_mult=4):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(num_latents, dim))
        self.layers = nn.ModuleList([nn.ModuleList([PerceiverAttention(dim=dim, dim_head=dim_head, heads=heads), FeedForward(dim, ff_mult)]) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        """x: (b, T, F, v, D)"""
        b, T = x.shape[:2]
        x = x.flatten(2, 3)
        latents = self.latents.expand(b, T, -1, -1)
        for attn, ff in self.layers:
            latents = attn(x, latents) + latents
            latents = ff(latents) + latents
        return self.norm(latents)


class MaskedCrossAttention(nn.Module):
    def __init__(self, *, dim, dim_visual, dim_head=64, heads=8, only_attend_immediate_media=True):
        super().__init__()
        self.scale, self.heads = dim_head**-0.5, heads
        inner_dim = dim_head * heads
        self.norm = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner_dim, bias=False)
        self.to_kv = nn.Linear(dim_visual, inner_dim * 2, bias=False)
        self.to_out = nn.Linear(inner_dim, dim, bias=False)
        self.only_attend_immediate_media = only_attend_immediate_media

    def forward(self, x, media, media_locations=None):
        T_img, n = media.shape[1:3]
        x = self.norm(x)
        q = self.to_q(x)
        k, v = self.to_kv(media.flatten(1, 2)).chunk(2, dim=-1)
        q, k, v = (heads_of(part, self.heads) for part in (q, k, v))
        sim = torch.einsum("... i d, ... j d -> ... i j", q * self.scale, k)
        text_time = media_locations.cumsum(dim=-1)
        media_time = torch.arange(T_img) + 1
        mask_op = torch.eq if self.only_attend_immediate_media else torch.ge
        text_to_media_mask = mask_op(text_time[:, None, :, None], media_time.repeat_interleave(n)[None, None, None, :])
        sim = sim.masked_fill(~text_to_media_mask, -torch.finfo(sim.dtype).max)
        attn = (sim - sim.amax(dim=-1, keepdim=True).detach()).softmax(dim=-1)
        if self.only_attend_immediate_media:
            attn = attn.masked_fill((text_time == 0)[:, None, :, None], 0.0)
        out = torch.einsum("... i j, ... j d -> ... i d", attn, v)
        return self.to_out(out.transpose(1, 2).flatten(-2))


class GatedCrossAttentionBlock(nn.Module):
    def __init__(self, *, dim, dim_visual, dim_head=64, heads=8, ff_mult=4, only_attend_immediate_media=True):
        super().__init__()
        self.attn = MaskedCrossAttention(dim=dim, dim_visual=dim_visual, dim_head=dim_head, heads=heads, only_attend_immediate_media=only_attend_immediate_media)
        self.attn_gate = nn.Parameter(torch.tensor([0.0]))
        self.ff = FeedForward(dim, mult=ff_mult)
        self.ff_gate = nn.Parameter(torch.tensor([0.0]))

    def forward(self, x, media, media_locations=None):
        x = self.attn(x, media, media_locations=media_locations) * self.attn_gate.tanh() + x
        return self.ff(x) * self.ff_gate.tanh() + x


class FlamingoLayer(nn.Module):
    def __init__(self, gated_cross_attn_layer, decoder_layer):
        super().__init__()
        self.gated_cross_attn_layer, self.decoder_layer = gated_cross_attn_layer, decoder_layer
        self.vis_x = self.media_locations = None

    def forward(self, lang_x, attention_mask=None, **decoder_layer_kwargs):
        if self.gated_cross_attn_layer is not None:
            lang_x = self.gated_cross_attn_layer(lang_x, self.vis_x, media_locations=self.media_locations)
        return self.decoder_layer(lang_x, attention_mask=attention_mask, **decoder_layer_kwargs)


class NormedQueries(nn.Module):
    """mosaicml/mpt-1b-redpajama-200b, attention.py: attn_qk_ln."""
    def __init__(self, linear, width, epsilon):
        super().__init__()
        self.linear, self.q_ln, self.k_ln = linear, nn.LayerNorm(width, eps=epsilon), nn.LayerNorm(width, eps=epsilon)
        self.q_ln.bias = self.k_ln.bias = None

    def forward(self, x):
        q, k, v = self.linear(x).chunk(3, dim=-1)
        return torch.cat((self.q_ln(q), self.k_ln(k), v), dim=-1)


class Flamingo(nn.Module):
    def __init__(self, vision, language, layers, *, media_token_id, cross_attn_every_n_layers, depth, latents):
        super().__init__()
        self.vision_encoder, self.lang_encoder, self.media_token_id = transformers.CLIPVisionModel(vision), language, media_token_id
        self.perceiver = PerceiverResampler(dim=vision.hidden_size, depth=depth, num_latents=latents)
        width = language.config.hidden_size
        blocks = getattr(getattr(language, layers[0]), layers[1])
        wrapped = nn.ModuleList([
            FlamingoLayer(GatedCrossAttentionBlock(dim=width, dim_visual=vision.hidden_size) if (index + 1) % cross_attn_every_n_layers == 0 else None, block)
            for index, block in enumerate(blocks)])
        setattr(getattr(language, layers[0]), layers[1], wrapped)
        self.layers = [wrapped]                                  # not a module a second time

    def see(self, pixels):
        """flamingo.py, _encode_vision_x: the patches' tokens of open_clip's tower, neither class token nor ln_post; latents [n, D] of each picture."""
        features = self.vision_encoder(pixel_values=pixels, output_hidden_states=True).hidden_states[-1][:, 1:]
        return features, self.perceiver(features[None, :, None])[0]

    def forward(self, ids, latents):
        """latents: (T, n, D); logits of the last token."""
        for layer in self.layers[0]:
            layer.vis_x, layer.media_locations = latents[None], ids == self.media_token_id
        return self.lang_encoder(input_ids=ids, use_cache=False).logits[0, -1]
