"""The goldens' models whose language models have weights of their own for pictures, as checkpoints in the authors' layouts: CogVLM, CogVLM2,
mPLUG-Owl2. Run as families.py is; see README.md."""
import json
import sys

import families
import rows
import torch

HERE = families.HERE
TEXT = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings", "rms_norm_eps", "bos_token_id",
        "eos_token_id")


def cogvlm(name, case, **more):
    """THUDM/cogvlm-chat-hf, cogvlm-grounding-generalist-hf, cogvlm2-llama3-chat-19B: no model_type; Vicuna's or Llama 3's tokenizer beside it."""
    case.build()
    state, given = case.model.state_dict(), vars(case.model.config)
    for layer in range(given["num_hidden_layers"]):
        state[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    vision = {"in_channels": 3, "hidden_act": "gelu", "dropout_prob": 0.0, **{key: getattr(given["vision_config"], key) for key in (
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_heads", "patch_size", "image_size", "num_positions", "layer_norm_eps")}}
    config = {"architectures": ["CogVLMForCausalLM"], "auto_map": {"AutoModelForCausalLM": "modeling_cogvlm.CogVLMForCausalLM"}, "hidden_act": "silu",
              "initializer_range": 0.02, "template_version": "chat", "tie_word_embeddings": False, "use_cache": True, "vision_config": vision,
              **{key: given[key] for key in TEXT}, **more}
    if case.is_second:
        config["num_multi_query_heads"] = case.groups
    rows.write(name, state, config)
    families.tokenizer(HERE / name, case.vocabulary)
    rows.done(name)


def mplug_owl2(name, case):
    """MAGAer13/mplug-owl2-llama2-7b: torch.save's files."""
    case.build()
    given = vars(case.model.config)
    settings = lambda part: {key: value for key, value in vars(given[part]).items() if isinstance(value, (int, float))}
    config = {"architectures": ["MPLUGOwl2LlamaForCausalLM"], "model_type": "mplug_owl2", "hidden_act": "silu", "attention_bias": False, "rope_scaling": None,
              "rope_theta": 10000.0, "tie_word_embeddings": False, "num_key_value_heads": given["num_key_value_heads"], **{key: given[key] for key in TEXT},
              "visual_config": {"visual_model": {**settings("visual_model"), "hidden_act": "quick_gelu", "use_post_layernorm": True},
                                "visual_abstractor": {**settings("visual_abstractor"), "encoder_hidden_size": given["visual_abstractor"].hidden_size,
                                                      "add_v2t_pos_emb": False}}}
    rows.write(name, {}, config)
    (HERE / name / "model.safetensors").unlink()
    rows.pytorch(HERE / name, case.model.state_dict(), shards=2)
    (HERE / name / "preprocessor_config.json").write_text(json.dumps({**families.CLIP, "crop_size": 448, "size": 448, "resample": 3}))
    families.tokenizer(HERE / name, case.vocabulary)
    rows.done(name)


def main(names):
    makers = {
        "cogvlm": lambda n: cogvlm(n, families.family("cogvlm").CogVlm()),
        "cogvlm2": lambda n: cogvlm(n, families.family("cogvlm").CogVlm2()),
        "mplug-owl2": lambda n: mplug_owl2(n, families.family("mplug-owl2").MplugOwl2Case()),
    }
    for name, make in makers.items():
        if not names or name in names:
            make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
