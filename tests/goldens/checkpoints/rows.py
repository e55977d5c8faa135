"""More of the goldens' models as checkpoints in released layouts: GLM-4V. Run as families.py is; see README.md."""
import json
import shutil
import sys

import families
import torch
from safetensors.torch import save_file

import gguf_files
import tokenizers_files as files

HERE = families.HERE
GLM = [("model.vision_tower.", "transformer.vision."), ("model.language_model.embed_tokens", "transformer.embedding.word_embeddings"),
       ("model.language_model.norm", "transformer.encoder.final_layernorm"), ("model.language_model.layers", "transformer.encoder.layers"),
       ("lm_head", "transformer.output_layer"), ("self_attn.o_proj", "self_attention.dense"), ("mlp.gate_up_proj", "mlp.dense_h_to_4h"),
       ("mlp.down_proj", "mlp.dense_4h_to_h")]


def write(name, state, config):
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir()
    state = {key: tensor.detach().half().contiguous().clone() for key, tensor in state.items()}
    save_file(state, HERE / name / "model.safetensors", metadata={"format": "pt"})
    (HERE / name / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True))


def done(name):
    print(name, sum(f.stat().st_size for f in (HERE / name).iterdir()) // 1024, "KB", flush=True)


def glm4v(name, case):
    case.build()
    state = case.model.state_dict()
    for key in [key for key in state if ".self_attn.q_proj." in key]:
        parts = [state.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
        state[key.replace("self_attn.q_proj", "self_attention.query_key_value")] = torch.cat(parts)
    state = families.rename(state, GLM)
    state["transformer.rotary_pos_emb.inv_freq"] = torch.ones(4)
    text, vocabulary = case.model.model.language_model.config, case.vocabulary
    vision = {"in_channels": 3, "hidden_act": "gelu", "dropout_prob": 0.0, **{key: getattr(case.vision, key) for key in (
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_heads", "patch_size", "image_size", "num_positions", "layer_norm_eps", "scaling_factor")}}
    ids = {text: vocabulary.tokens.index(text) for text in vocabulary.specials}
    config = {"model_type": "chatglm", "architectures": ["ChatGLMModel"], "vision_config": vision, "hidden_size": text.hidden_size, "num_layers": text.num_hidden_layers,
              "num_attention_heads": text.num_attention_heads, "kv_channels": text.head_dim, "multi_query_attention": True, "multi_query_group_num": text.num_key_value_heads,
              "ffn_hidden_size": text.intermediate_size, "padded_vocab_size": len(vocabulary.tokens), "vocab_size": len(vocabulary.tokens), "seq_length": 2048,
              "layernorm_epsilon": text.rms_norm_eps, "add_qkv_bias": True, "add_bias_linear": False, "rmsnorm": True, "original_rope": True, "rope_ratio": 1,
              "boi_token_id": ids["<|begin_of_image|>"], "eoi_token_id": ids["<|end_of_image|>"], "pad_token_id": ids["<|endoftext|>"],
              "eos_token_id": [ids["<|endoftext|>"], ids["<|user|>"], ids["<|observation|>"]]}
    write(name, state, config)
    files.tiktoken(HERE / name, vocabulary)
    done(name)


def main(names):
    makers = {
        "glm-4v": lambda n: glm4v(n, families.family("glm-4v").Glm4vCase()),
    }
    for name, make in makers.items():
        if not names or name in names:
            make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
