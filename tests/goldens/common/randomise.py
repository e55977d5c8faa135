"""Random weights that leave nothing at its default, then rounded to what the GGUF file will hold."""
import re

import torch

# The default initialisation leaves biases at zero and attention nearly uniform, which hides faults. Gains above one in the
# attention make it choose, so that what a picture shows reaches the logits.
GAINS = [
    (r"vision_tower.*(out_proj|fc2)\.weight$", 1.6),
    (r"vision_tower.*(q_proj|k_proj)\.weight$", 1.5),
    (r"(q_proj|k_proj)\.weight$", 1.6),
    (r"language_model.*(v_proj|o_proj)\.weight$", 1.3),
    (r"patch_embedding\.weight$", 1.5),
    (r"multi_modal_projector.*weight$", 1.6),
    (r"resampler.*in_proj_weight$", 2.0),
    (r"^llama_model.*(v_proj|o_proj)\.weight$", 1.3),
    (r"^visual_encoder.*(qkv|proj|fc2)\.weight$", 1.5),
    (r"^Qformer.*(query|key)\.weight$", 2.0),
    (r"^Qformer.*(value|dense)\.weight$", 1.5),
    (r"^llama_proj\.weight$", 1.6),
    (r"^vision_model.*(qkv|projection|fc2)\.weight$", 1.5),
    (r"^vision_model.*(in_proj_weight|out_proj\.weight|c_proj\.weight)$", 1.5),
    (r"^qformer.*(query|key)\.weight$", 2.0),
    (r"^qformer.*(value|dense)\.weight$", 1.5),
    (r"^language_projection\.weight$", 1.6),
    (r"cross_attn\.[qk]_proj(_\d)?\.1\.weight$", 5.0),
    (r"^(siglip|dino|convnext)\..*(proj|fc2|dense|weights_out)\.weight$", 1.5),
]


def randomise(model, seed, silent_tokens=()):
    """Fills every parameter from one seeded generator, rounds to float16 and back, and gives silent_tokens the logit zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            gain = next((g for pattern, g in GAINS if re.search(pattern, name)), 1.0)
            if parameter.ndim == 1 and "norm" in name and name.endswith("weight") or "layrnorm.weight" in name:
                value = 1 + 0.1 * noise
            elif name.endswith("bias"):
                value = 0.1 * noise
            elif "embed" in name and "patch" not in name:
                value = 0.5 * noise
            elif parameter.ndim >= 2:
                value = gain * noise / parameter[0].numel() ** 0.5
            else:
                value = 0.5 * noise
            parameter.copy_(value)
        model.lm_head.weight[list(silent_tokens)] = 0
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model.eval().float()


def quantise(model, kind, pattern):
    """Replaces the matrices whose name matches by what they read back as once quantised."""
    import gguf
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and re.search(pattern, name):
                packed = gguf.quants.quantize(parameter.numpy(), kind)
                parameter.copy_(torch.from_numpy(gguf.quants.dequantize(packed, kind)))
    return model
