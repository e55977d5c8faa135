"""More of the goldens' models as checkpoints in released layouts: GLM-4V, LLaVA's own. Run as families.py is; see README.md."""
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


def pytorch(folder, state, shards=1):
    """torch.save's files, as the early releases have them."""
    state = {key: tensor.detach().half().contiguous().clone() if tensor.is_floating_point() else tensor.clone() for key, tensor in state.items()}
    names = sorted(state)
    if shards == 1:
        return torch.save(state, folder / "pytorch_model.bin")
    index = {}
    for shard in range(shards):
        file = f"pytorch_model-{shard + 1:05}-of-{shards:05}.bin"
        part = names[shard * len(names) // shards:(shard + 1) * len(names) // shards]
        torch.save({key: state[key] for key in part}, folder / file)
        index.update({key: file for key in part})
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def clip(case, size):
    """openai/clip-vit-large-patch14-336, beside the checkpoints that name it: both of CLIP's sides, and a table that follows from nothing."""
    folder = HERE / f"clip-vit-large-patch14-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tower = {f"vision_model.{key.removeprefix('vision_model.')}": tensor for key, tensor in case.model.model.vision_tower.state_dict().items()}
    count = tower["vision_model.embeddings.position_embedding.weight"].shape[0]
    tower.update({"vision_model.embeddings.position_ids": torch.arange(count)[None], "logit_scale": torch.tensor(4.6), "text_projection.weight": torch.ones(4, 4),
                  "text_model.final_layer_norm.weight": torch.ones(4)})
    pytorch(folder, tower)
    vision = case.model.config.vision_config.to_dict()
    vision = {key: vision[key] for key in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size", "hidden_act",
                                           "layer_norm_eps")}
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", "architectures": ["CLIPModel"], "vision_config": vision, "text_config": {}}, indent=1))
    (folder / "preprocessor_config.json").write_text(json.dumps(families.CLIP))
    done(folder.name)


def llava(name, case, tower, form="safetensors", **config):
    """haotian-liu/LLaVA's and LLaVA-VL/LLaVA-NeXT's save_pretrained: the language model's names, mm_projector, the tower only where it was trained."""
    case.build()
    state = families.rename(case.model.state_dict(), families.AUTHORS)
    if not tower:
        clip(case, case.image_size)
        state = {key: tensor for key, tensor in state.items() if "vision_tower" not in key}
    if "model.mm_projector.0.weight" in state and config.get("mm_projector_type", "") is None:
        state = {key.replace("mm_projector.0.", "mm_projector."): tensor for key, tensor in state.items()}
        config.pop("mm_projector_type")
    settings = {**families.text_config(case), "model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "mm_vision_select_layer": -2,
                "mm_vision_select_feature": "patch", "mm_vision_tower": f"openai/clip-vit-large-patch14-{case.image_size}", "mm_projector_type": "mlp2x_gelu",
                "use_mm_proj": True, "mm_hidden_size": 64, "mm_use_im_start_end": False, "mm_use_im_patch_token": False, **config}
    settings = {key: value for key, value in settings.items() if value is not ...}
    write(name, {} if form == "bin" else state, settings)
    if form == "bin":
        (HERE / name / "model.safetensors").unlink()
        pytorch(HERE / name, state, shards=2)
    families.tokenizer(HERE / name, case.vocabulary)
    done(name)


def old_added_tokens(name, case):
    """What was added to a tokenizer stood in added_tokens.json before tokenizer_config.json had it."""
    path = HERE / name / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["added_tokens_decoder"] = {key: value for key, value in config["added_tokens_decoder"].items() if int(key) < 3}
    path.write_text(json.dumps(config, indent=1))
    (HERE / name / "added_tokens.json").write_text(json.dumps(case.vocabulary._special_ids))


def llava_ends(name, case):
    llava(name, case, tower=True, mm_projector_type=None, mm_use_im_start_end=True, mm_vision_select_feature=...)
    old_added_tokens(name, case)


ANYRES = {"image_aspect_ratio": "anyres", "mm_patch_merge_type": "spatial_unpad", "image_crop_resolution": 224, "image_split_resolution": 224,
          "image_grid_pinpoints": [[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]]}


def main(names):
    makers = {
        "llava-v1.5": lambda n: llava(n, families.family("llava").Llava15(), tower=False, form="bin", image_aspect_ratio="pad"),
        "llava-v1.6": lambda n: llava(n, families.family("llava-next").LlavaNext(), tower=True, **ANYRES),
        "llava-next-llama3": lambda n: llava(n, families.family("llava-next").LlavaNextLlama3(), tower=True, model_type="llava_llama", **ANYRES),
        "llava-next-qwen": lambda n: llava(n, families.family("llava-next").LlavaNextQwen(), tower=True, model_type="llava_qwen", architectures=["LlavaQwenForCausalLM"], **ANYRES),
        "llava-1-ends": lambda n: llava_ends(n, families.family("llava").Llava1Ends()),
        "glm-4v": lambda n: glm4v(n, families.family("glm-4v").Glm4vCase()),
    }
    for name, make in makers.items():
        if not names or name in names:
            make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
