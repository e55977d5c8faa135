"""Cambrian-1's inference, line by line after cambrian-mllm/cambrian 539ffc3: cambrian/model/vision_sampler.py, cambrian_arch.py
(prepare_inputs_labels_for_multimodal and what it calls, for one picture), multimodal_encoder/*.py and language_model/cambrian_llama.py. CLIP, DINOv2
and Llama are transformers' classes, SigLIP and ConvNeXt in towers.py. Modules are named as there."""
import types

import torch
import transformers
from torch import nn
from torch.nn import functional as F

import towers

HEADS = 16                                                     # of all samplers, vision_sampler.py


class MultiKVCrossAttention(nn.Module):
    def __init__(self, q_dim, kv_dims, hidden):
        super().__init__()
        self.hidden, self.count = hidden, len(kv_dims)
        self.q_proj = nn.Sequential(nn.LayerNorm(q_dim), nn.Linear(q_dim, hidden, bias=False))
        for i, kv_dim in enumerate(kv_dims):
            setattr(self, f"k_proj_{i}", nn.Sequential(nn.LayerNorm(kv_dim), nn.Linear(kv_dim, hidden, bias=False)))
            setattr(self, f"v_proj_{i}", nn.Sequential(nn.LayerNorm(kv_dim), nn.Linear(kv_dim, hidden, bias=False)))
        self.o_proj = nn.Linear(hidden, q_dim, bias=False)

    def forward(self, queries, latents, masks):
        size, length, _ = queries.size()
        q = self.q_proj(queries)
        k = torch.cat([getattr(self, f"k_proj_{i}")(latents[i]) for i in range(self.count)], dim=1)
        v = torch.cat([getattr(self, f"v_proj_{i}")(latents[i]) for i in range(self.count)], dim=1)
        heads = lambda x: x.view(size, x.shape[1], HEADS, self.hidden // HEADS).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), attn_mask=torch.cat(masks, dim=-1))
        return self.o_proj(mixed.transpose(1, 2).contiguous().reshape(size, length, self.hidden))


class MLP(nn.Module):
    def __init__(self, d_in, d_hidden, d_out):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(d_in, d_hidden, bias=False), nn.Linear(d_hidden, d_out, bias=False)

    def forward(self, x):
        return self.linear_2(F.gelu(self.linear_1(x)))


class VisionCrossAttentionLayer(nn.Module):
    def __init__(self, q_dim, context_dim, kv_dims, kv_sizes, hidden):
        super().__init__()
        self.proj_context = nn.Linear(context_dim, hidden, bias=False)
        self.proj_in = nn.Linear(q_dim + hidden, hidden, bias=False)
        self.proj_out = MLP(hidden, hidden, q_dim)
        self.norm = nn.LayerNorm(hidden)
        self.cross_attn = MultiKVCrossAttention(hidden, kv_dims, hidden)
        for i, size in enumerate(kv_sizes):
            if size > 1:
                setattr(self, f"pos_embed_{i}", nn.Parameter(torch.randn(size ** 2, hidden)))

    def forward(self, queries, context, latents, masks):
        residual = queries
        queries = self.proj_in(torch.cat([queries, self.proj_context(context)], -1))
        masks = [mask.view(mask.shape[0], 1, 1, -1).expand(-1, -1, queries.shape[1], -1) for mask in masks]
        latents = [x + getattr(self, f"pos_embed_{i}")[None] if x.shape[1] > 1 else x for i, x in enumerate(latents)]
        queries = self.norm(queries + self.cross_attn(queries, latents, masks))
        return self.proj_out(queries) + residual


class VisionTokenSampler(nn.Module):
    def __init__(self, q_dim, context_dim, kv_dims, kv_sizes, hidden, count=1):
        super().__init__()
        self.layers = nn.ModuleList(VisionCrossAttentionLayer(q_dim, context_dim, kv_dims, kv_sizes, hidden) for _ in range(count))

    def forward(self, queries, context, latents, masks):
        for layer in self.layers:
            queries = layer(queries, context, latents, masks)
        return queries


def unmask_attention_mask(mask, original_size):
    original_w, original_h = original_size
    cur_h, cur_w = mask.shape[1:3]
    if original_w / original_h > cur_w / cur_h:
        padding = (cur_h - int(original_h * (cur_w / original_w))) // 2
        if padding > 0:
            mask[:, :padding, :] = 0
            mask[:, -padding:, :] = 0
        return mask
    padding = (cur_w - int(original_w * (cur_h / original_h))) // 2
    if padding > 0:
        mask[:, :, :padding] = 0
        mask[:, :, -padding:] = 0
    return mask


def unpad_image(tensor, original_size):
    original_width, original_height = original_size
    current_height, current_width = tensor.shape[1:3]
    if original_width / original_height > current_width / current_height:
        padding = (current_height - int(original_height * (current_width / original_width))) // 2
        return tensor[:, padding:current_height - padding, :]
    padding = (current_width - int(original_width * (current_height / original_height))) // 2
    return tensor[:, :, padding:current_width - padding]


def rearrange(features, side, size, unpad=False):
    """rearrange_vision_tower_features_inference, for one picture."""
    all_features, all_masks = [], []
    for feature in features:
        aux = int(feature.shape[1] ** 0.5)
        assert aux // side * side == aux
        factor = aux // side
        windows = feature[0].view(1, side, factor, side, factor, -1).permute(0, 1, 3, 2, 4, 5).contiguous()
        if unpad:
            windows = unpad_image(windows, size)
        windows = windows.flatten(0, 2).flatten(1, 2)
        mask = unmask_attention_mask(torch.ones((1, aux, aux), dtype=torch.bool), size)
        mask = mask.view(1, side, factor, side, factor).permute(0, 1, 3, 2, 4).contiguous()
        if unpad:
            mask = unpad_image(mask, size)
        mask = mask.flatten(0, 2).flatten(1, 2)
        mask[mask.sum(-1) == 0] = True
        all_features.append(windows)
        all_masks.append(mask)
    return all_features, all_masks


def interpolate(tokens, side):
    """ClipVisionTower.interpolate: bilinear, where the number of tokens is another."""
    batch, count, width = tokens.shape
    if count == side * side:
        return tokens
    own = int(count ** 0.5)
    grid = tokens.view(batch, own, own, width).permute(0, 3, 1, 2).contiguous()
    return F.interpolate(grid, size=(side, side), mode="bilinear", align_corners=False).permute(0, 2, 3, 1).contiguous().flatten(1, 2)


class Cambrian(nn.Module):
    """settings: towers (constructor's arguments by kind), tokens (of each tower), vision_hidden_size, image_token_len, connector_depth, samplers, start,
    stride; text: LlamaConfig."""

    def __init__(self, settings, text):
        super().__init__()
        s, self.settings, self.config = settings, settings, types.SimpleNamespace(text_config=text)
        hidden, width = s.vision_hidden_size, text.hidden_size
        self.siglip = towers.Siglip(**s.siglip)
        self.clip = transformers.CLIPVisionModel(s.clip)
        self.dino = transformers.Dinov2Model(s.dino)
        self.convnext = towers.ConvNeXt(**s.convnext)
        widths = [s.siglip["width"], s.clip.hidden_size, s.dino.hidden_size, sum(s.convnext["widths"])]
        self.model = nn.Module()
        self.model.language_model = transformers.LlamaModel(text)
        self.model.mm_projector = nn.Sequential(nn.Linear(hidden, width), nn.GELU(), nn.Linear(width, width))
        for i, own in enumerate(widths):
            setattr(self.model, f"mm_projector_aux_{i}", nn.Sequential(nn.Linear(own, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.LayerNorm(hidden)))
        self.side = int(s.image_token_len ** 0.5)
        sizes = [int(count ** 0.5) // self.side for count in s.tokens]
        self.model.vision_sampler_0 = VisionTokenSampler(hidden, hidden, [hidden] * 4, sizes, hidden, s.connector_depth)
        self.model.vision_sampler_layers = nn.ModuleList(VisionTokenSampler(width, hidden, [hidden] * 4, sizes, hidden) for _ in range(s.samplers))
        self.model.vision_query = nn.Parameter(torch.randn(1, hidden))
        self.model.image_newline = nn.Parameter(torch.empty(width))
        self.lm_head = nn.Linear(width, text.vocab_size, bias=False)
        self.sizes, self.pictures = sizes, []
        for k in range(s.samplers):
            self.model.language_model.layers[s.start + k * s.stride].register_forward_hook(lambda _, __, out, k=k: self.look(k, out))

    def tower_features(self, images):
        """The four towers' _forward."""
        sides = [int(count ** 0.5) for count in self.settings.tokens]
        siglip, clip, dino, convnext = images
        maps = [F.interpolate(x, size=(sides[3], sides[3]), mode="bilinear", align_corners=False).flatten(2, 3).permute(0, 2, 1).contiguous()
                for x in self.convnext(convnext)]
        return [interpolate(self.siglip(siglip), sides[0]),
                interpolate(self.clip(clip, output_hidden_states=True).hidden_states[-2][:, 1:], sides[1]),
                interpolate(self.dino(dino).last_hidden_state[:, 1:], sides[2]), torch.cat(maps, -1)]

    def prepare(self, images, size):
        """prepare_inputs_labels_for_multimodal up to the image features: those of the towers, the rows with newlines, and what the samplers look at."""
        features = [getattr(self.model, f"mm_projector_aux_{i}")(x) for i, x in enumerate(self.tower_features(images))]
        count = self.side * self.side
        context = features[0].mean(1).view(1, 1, 1, -1)
        query = self.model.vision_query[0].view(1, 1, 1, -1).expand(1, count, -1, -1)
        windows, masks = rearrange(features, self.side, size)
        query = self.model.vision_sampler_0(query.flatten(0, 1), context.expand(-1, count, 1, -1).flatten(0, 1), windows, masks)
        rows = self.model.mm_projector(query.view(1, count, -1)).view(1, self.side, self.side, -1)
        windows, masks = rearrange(features, self.side, size, unpad=True)
        rows = unpad_image(rows, size)
        height, width = rows.shape[1:3]
        newline = self.model.image_newline.view(1, 1, 1, -1).expand(1, height, 1, -1)
        rows = torch.cat((rows, newline), dim=2).flatten(1, 2).squeeze(0)
        return features, rows, (height, width, context[0].expand(height * width, 1, -1), windows, masks)

    def look(self, k, states):
        """CambrianLlamaModel.forward behind a layer that a sampler follows; the authors' one picture lies at config.image_position."""
        for start, (height, width, context, windows, masks) in self.pictures:
            count = height * (width + 1)
            own = states[:, start:start + count].clone().view(1, height, width + 1, -1)
            latent = own[:, :, :-1].contiguous().view(height * width, 1, -1)
            latent = self.model.vision_sampler_layers[k](latent, context, windows, masks).view(1, height, width, -1)
            states = torch.cat([states[:, :start], torch.cat([latent, own[:, :, -1:]], 2).flatten(1, 2), states[:, start + count:]], 1)
        return states

    def logits(self, rows, pictures, cache=None):
        """The last row's, of embeddings [1, rows, width] among which pictures begin at their places."""
        self.pictures = pictures
        out = self.model.language_model(inputs_embeds=rows, past_key_values=cache, use_cache=True)
        self.pictures = []
        return self.lm_head(out.last_hidden_state[0, -1]), out.past_key_values

    def get_input_embeddings(self):
        """Rows as the goldens' prompts have them: an embedding, and behind it what the samplers look at for it, which is nothing for text."""
        return lambda ids: F.pad(self.model.language_model.embed_tokens(ids), (0, self.beside_width))

    @property
    def beside_width(self):
        """Context, windows, a bias for each token of them, and whether a sampler changes the row at all."""
        tokens = sum(size * size for size in self.sizes)
        return self.settings.vision_hidden_size * (1 + tokens) + tokens + 1

    def wide(self, rows, seen):
        """A picture's rows with what stands beside them: [rows, width + beside]."""
        height, width, context, windows, masks = seen
        count = height * width
        beside = torch.cat([context.flatten(1), *(x.flatten(1) for x in windows), torch.where(torch.cat(masks, -1), 0.0, -10000.0), torch.ones(count, 1)], 1)
        beside = F.pad(beside.view(height, width, -1), (0, 0, 0, 1)).flatten(0, 1)
        return torch.cat([rows, beside], 1)

    def answer(self, wide):
        return Answer(self, wide)


class Answer:
    """The steps of an answer to rows as get_input_embeddings makes them."""

    def __init__(self, model, wide):
        self.model, self.rows, self.cache, self.pictures = model, wide, None, []
        width, hidden = model.config.text_config.hidden_size, model.settings.vision_hidden_size
        flags = (wide[0, :, -1] > 0).tolist()
        for place in [k for k in range(len(flags)) if flags[k] and not (k and flags[k - 1])]:
            # Each stretch between newlines by itself.
            end = next(k for k in range(place, len(flags)) if not flags[k])
            beside = wide[0, place:end, width:-1]
            sizes = [hidden] + [hidden * size * size for size in model.sizes]
            context, *windows, bias = torch.split(beside, [*sizes, beside.shape[1] - sum(sizes)], 1)
            windows = [x.unflatten(1, (-1, hidden)) for x in windows]
            masks = torch.split(bias > -1, [x.shape[1] for x in windows], 1)
            self.pictures.append((place, (1, end - place, context[:, None], windows, list(masks))))

    def start(self):
        rows = self.rows[..., :self.model.config.text_config.hidden_size]
        logits, self.cache = self.model.logits(rows, self.pictures, self.cache)
        return logits

    def next(self, token):
        self.rows, self.pictures = self.model.get_input_embeddings()(torch.tensor([[token]])), []
        return self.start()
