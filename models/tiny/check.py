"""Proof that the exported weights are a plain transformers LLaVA: both networks must give the same logits."""
import torch
from model import CONTEXT, DIM, EPS, FFN, HEADS, LANGUAGE_LAYERS, MEAN, STD, THETA, VISION_FFN, VISION_LAYERS, VOCAB, Tiny
from slices import IMAGE, PATCH, TOKENS

VISION = {"ln1": "layer_norm1", "ln2": "layer_norm2", "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
          "out": "self_attn.out_proj", "up": "mlp.fc1", "down": "mlp.fc2"}
TEXT = {"n1": "input_layernorm", "n2": "post_attention_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
        "v": "self_attn.v_proj", "out": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}
TOP = {"patch.weight": "vision.embeddings.patch_embedding.weight", "cls": "vision.embeddings.class_embedding",
       "pos": "vision.embeddings.position_embedding.weight", "pre": "vision.pre_layrnorm", "mm0": "projector.linear_1",
       "mm2": "projector.linear_2", "embed": "text.embed_tokens", "head": "head", "norm": "text.norm"}
ROOTS = {"vision.": ("model.vision_tower.", "model.vision_tower.vision_model."), "projector.": ("model.multi_modal_projector.",),
         "text.": ("model.language_model.",), "head": ("lm_head",)}


def transformers_model(w):
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
    vision = CLIPVisionConfig(hidden_size=DIM, intermediate_size=VISION_FFN, num_hidden_layers=VISION_LAYERS,
                              num_attention_heads=HEADS, image_size=IMAGE, patch_size=PATCH, hidden_act="quick_gelu",
                              layer_norm_eps=EPS, projection_dim=DIM)
    text = LlamaConfig(vocab_size=VOCAB, hidden_size=DIM, intermediate_size=FFN, num_hidden_layers=LANGUAGE_LAYERS,
                       num_attention_heads=HEADS, num_key_value_heads=HEADS, rms_norm_eps=EPS, max_position_embeddings=CONTEXT,
                       rope_parameters=dict(rope_type="default", rope_theta=THETA), tie_word_embeddings=False, bos_token_id=1,
                       eos_token_id=2)
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=3,
                                                      vision_feature_layer=-1, vision_feature_select_strategy="default")).eval()
    have = dict(model.named_parameters())
    left = set(have)
    with torch.no_grad():
        for name, t in w.items():
            if name == "newline":                               # stands between tiles, of which there are none here
                continue
            p = name.split(".")
            if p[0] == "vision":
                to = f"vision.encoder.layers.{p[1]}.{VISION[p[2]]}.{p[3]}"
            elif p[0] == "blocks":
                to = f"text.layers.{p[1]}.{TEXT[p[2]]}.{p[3]}"
            else:
                to = TOP.get(name) or f"{TOP[p[0]]}.{p[1]}"
            root = next(r for r in ROOTS if to.startswith(r))
            full = next(f for f in (new + to[len(root):] for new in ROOTS[root]) if f in have)
            have[full].copy_(t.reshape(have[full].shape))
            left.discard(full)
    assert all("post_layernorm" in n for n in left), left       # after the features are taken
    return model


@torch.no_grad()
def against_transformers(master, w):
    torch.manual_seed(0)
    mine = Tiny(1, 1)
    mine.load_state_dict({k: v for k, v in master.items() if not k.startswith("aux")}, strict=False)
    pixels = torch.randint(0, 256, (2, IMAGE, IMAGE, 3), dtype=torch.uint8)
    text = torch.randint(4, VOCAB, (2, 20))
    x = torch.cat((mine.embed(text[:, :3]), mine.project(mine.see(pixels)), mine.embed(text[:, 3:])), 1)
    n = x.shape[1]
    mask = torch.full((n, n), float("-inf")).triu(1).expand(2, 1, n, n)
    a = mine.head(mine.language(x, mask, torch.arange(n).expand(2, -1)))
    ids = torch.cat((text[:, :3], torch.full((2, TOKENS), 3), text[:, 3:]), 1)
    mean, std = (torch.tensor(t).view(3, 1, 1) for t in (MEAN, STD))
    b = transformers_model(w)(input_ids=ids, pixel_values=(pixels.permute(0, 3, 1, 2) / 255 - mean) / std).logits
    gap = (a - b).abs().max().item()
    print(f"largest difference of the logits to transformers: {gap:.2e} (largest logit {b.abs().max():.1f})")
    assert gap < 1e-3 * b.abs().max()
