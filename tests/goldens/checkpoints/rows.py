"""More of the goldens' models as checkpoints in released layouts: GLM-4V, LLaVA's own, mPLUG-Owl and more. Run as families.py is; see README.md."""
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


def write(name, state, config, full=()):
    """Weights in half precision, but for those in full."""
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir()
    state = {key: (tensor.detach() if key in full else tensor.detach().half()).contiguous().clone() for key, tensor in state.items()}
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


def llava_uhd(name, case):
    """LLaVA's layout with mm_projector as AdaptSpatialResampler has it."""
    case.build()
    own = [("model.resampler.norm_", "model.mm_projector.ln_"), ("model.resampler.", "model.mm_projector.")]
    state = families.rename(case.model.state_dict(), [*own, *families.AUTHORS])
    state["model.mm_projector.pos_embed"] = torch.ones(16, 64)
    settings = {**families.text_config(case), "model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "mm_vision_select_layer": -2, "mm_hidden_size": 64,
                "mm_vision_select_feature": "patch", "mm_vision_tower": "./pretrained_models/clip-vit-large-patch14-112", "mm_projector_type": "adapt_spatial_resampler",
                "image_aspect_ratio": "pad", "mm_patch_merge_type": "flat", "mm_use_im_start_end": False}
    write(name, state, settings)
    families.tokenizer(HERE / name, case.vocabulary)
    done(name)


TIMM = [("model.vision_tower.", "vpm."), ("embeddings.patch_embedding.", "patch_embed.proj."), ("embeddings.position_embedding.weight", "pos_embed"), ("post_layernorm", "norm"),
        ("encoder.layers", "blocks"), ("layer_norm", "norm"), ("self_attn.out_proj", "attn.proj"), ("model.language_model.", "llm.model."), ("lm_head.", "llm.lm_head."),
        ("model.resampler.norm_", "resampler.ln_"), ("model.resampler.", "resampler.")]


def minicpm_2(name, case):
    """openbmb/MiniCPM-V-2: timm's tower, MiniCPM-2B, the resampler's projection undivided."""
    case.build()
    state = {key: tensor.clone() for key, tensor in case.stored.items()}
    state["model.resampler.proj"] *= case.EMBEDDING
    for key in [key for key in state if ".self_attn.q_proj." in key and "vision_tower" in key]:
        state[key.replace("self_attn.q_proj", "attn.qkv")] = torch.cat([state.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")])
    state = families.rename(state, TIMM)
    state["vpm.pos_embed"], state["resampler.pos_embed"] = state["vpm.pos_embed"][None], torch.ones(64, 64)
    config = families.text_config(case)
    config = {**config, "model_type": "minicpmv", "architectures": ["MiniCPMV"], "query_num": case.queries, "max_slice_nums": 9, "scale_resolution": case.image_size, "patch_size": 14,
              "slice_mode": True, "vision_encoder": "vit_so400m_patch14_siglip_384.webli", "scale_emb": 12, "scale_depth": 0.5 * config["num_hidden_layers"] ** 0.5,
              "dim_model_base": int(config["hidden_size"] * case.LOGIT)}
    write(name, state, config, full=("resampler.proj",))
    families.tokenizer(HERE / name, case.vocabulary)
    done(name)


def mplug_owl(name, case):
    """MAGAer13/mplug-owl-llama-7b: PyTorch files, a processor of CLIP's kind."""
    case.build()
    own = [("model.vision_tower.", "vision_model."), ("model.abstractor.", "abstractor."), ("model.query_tokens", "query_tokens"), ("ffn_ln_norm", "ffn_ln"),
           ("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head.")]
    state = families.rename(case.model.state_dict(), own)
    vision = vars(case.vision)
    config = {"model_type": "mplug-owl", "architectures": ["MplugOwlForConditionalGeneration"], "text_config": families.text_config(case), "num_query_tokens": 16,
              "vision_config": {**vision, "model_type": "mplug_owl_vision_model", "hidden_act": "quick_gelu"},
              "visual_abstractor_config": {**case.abstractor, "encoder_hidden_size": vision["hidden_size"], "model_type": "mplug_owl_visual_abstract"}}
    write(name, {}, config)
    (HERE / name / "model.safetensors").unlink()
    pytorch(HERE / name, state, shards=2)
    (HERE / name / "preprocessor_config.json").write_text(json.dumps({**families.CLIP, "size": {"shortest_edge": case.image_size}}))
    families.tokenizer(HERE / name, case.vocabulary)
    done(name)


def intern_vit(case):
    """InternViT-6B as OpenGVLab released it, q, k and v in one: its tensors and its configuration."""
    tower, vision = {}, case.model.config.vision_config.to_dict()
    for key, tensor in families.rename({key: value for key, value in case.model.state_dict().items() if "vision_tower" in key}, families.INTERN).items():
        tower[key.removeprefix("vision_model.")] = tensor
    for key in [key for key in tower if ".attention.q_proj." in key]:
        tower[key.replace("attention.q_proj", "attn.qkv")] = torch.cat([tower.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")])
    config = {key: vision[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps")}
    return tower, {**config, "model_type": "intern_vit_6b", "image_size": vision["image_size"][0], "patch_size": vision["patch_size"][0], "qk_normalization": True, "qkv_bias": False}


def internvl_1(name, case):
    """OpenGVLab/InternVL-Chat-ViT-6B-Vicuna-7B: LLaVA's layout, the tower beside it as OpenGVLab/InternViT-6B-224px."""
    case.build()
    tower, vision = intern_vit(case)
    write("InternViT-6B-224px", tower, {**vision, "architectures": ["InternVisionModel"]})
    done("InternViT-6B-224px")
    internvl_1_chat(name, case, "InternViT-6B-224px", mm_projector_type="mlp2x_gelu", mm_hidden_size=64)


def internvl_1_chat(name, case, tower, **config):
    state = families.rename(case.model.state_dict(), [("model.multi_modal_projector.", "model.mm_projector."), *families.AUTHORS])
    state = {key: tensor for key, tensor in state.items() if key.startswith(("model.layers.", "model.embed_tokens.", "model.norm.", "lm_head.", "model.mm_projector."))}
    write(name, state, {**families.text_config(case), "model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "mm_vision_select_layer": case.select_layer,
                        "mm_vision_select_feature": "patch", "mm_vision_tower": f"./pretrained/{tower}", "use_mm_proj": True, "image_aspect_ratio": "pad",
                        "mm_use_im_start_end": False, **config})
    families.tokenizer(HERE / name, case.vocabulary)
    done(name)


def cambrian(name, case):
    """nyu-visionx/cambrian-8b: language model and aggregator; the towers in folders of their own, as they are on the hub, here inside of the checkpoint's."""
    case.build()
    state = {}
    for key, tensor in case.model.state_dict().items():
        if key.startswith(("model.", "lm_head.")):
            state[key.replace("model.language_model.", "model.")] = tensor
    config = {**families.text_config(case), "model_type": "cambrian_llama", "architectures": ["CambrianLlamaForCausalLM"], "mm_projector_type": "sva", "connector_only": False,
              "connector_depth": 2, "image_token_len": 36, "num_query_group": 1, "query_num_list": [36], "vision_hidden_size": 32, "image_position": 91, "image_aspect_ratio": "pad",
              "num_of_vision_sampler_layers": case.samplers, "start_of_vision_sampler_layers": case.start, "stride_of_vision_sampler_layers": case.stride,
              "mm_vision_select_layer": -2, "mm_vision_select_feature": "patch", "mm_use_im_start_end": False, "mm_use_im_patch_token": False,
              "mm_vision_tower_aux_list": ["siglip/CLIP-ViT-SO400M-14-384", "openai/clip-vit-large-patch14-84", "facebook/dinov2-giant-res98", "clip-convnext-XXL-multi-stage-res64"],
              "mm_vision_tower_aux_token_len_list": [36, 36, 36, 144], "transformers_version": "5.12.0"}
    write(name, state, config)
    families.tokenizer(HERE / name, case.vocabulary)
    half = lambda tensors: {key: tensor.detach().half().contiguous().clone() for key, tensor in tensors.items() if "position_ids" not in key}
    def tower(folder, config, file="config.json"):
        (HERE / name / folder).mkdir()
        (HERE / name / folder / file).write_text(json.dumps(config, indent=1))
        return HERE / name / folder
    text = {"text.ln_final.weight": torch.ones(4), "logit_scale": torch.tensor(4.6)}
    siglip = {f"visual.trunk.{key}": tensor for key, tensor in case.model.siglip.state_dict().items()}
    folder = tower("ViT-SO400M-14-SigLIP-384", {"model_cfg": {"vision_cfg": {"image_size": 100, "timm_model_name": "vit_so400m_patch14_siglip_384", "timm_model_kwargs": {
        "num_heads": 4}}}, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}, "open_clip_config.json")
    torch.save(half({**siglip, "visual.trunk.attn_pool.q.weight": torch.ones(4, 4), **text}), folder / "open_clip_pytorch_model.bin")
    convnext = {f"visual.trunk.{key}": tensor for key, tensor in case.model.convnext.state_dict().items()}
    folder = tower("CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup", {"model_cfg": {"vision_cfg": {"image_size": 256, "timm_model_name": "convnext_xxlarge"}}, "preprocess_cfg": {
        "mean": families.CLIP["image_mean"], "std": families.CLIP["image_std"]}}, "open_clip_config.json")
    save_file(half({**convnext, "visual.head.proj.weight": torch.ones(4, 4), **text}), folder / "open_clip_model.safetensors")
    clip = case.clip.to_dict()
    clip = {key: clip[key] for key in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size", "hidden_act", "layer_norm_eps")}
    folder = tower("clip-vit-large-patch14-84", {"model_type": "clip", "vision_config": clip, "text_config": {}})
    (folder / "preprocessor_config.json").write_text(json.dumps(families.CLIP))
    save_file(half({f"vision_model.{key.removeprefix('vision_model.')}": tensor for key, tensor in case.model.clip.state_dict().items()}), folder / "model.safetensors")
    dino = case.dino.to_dict()
    dino = {key: dino[key] for key in ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size", "mlp_ratio", "use_swiglu_ffn", "layer_norm_eps")}
    folder = tower("dinov2-giant", dino)
    (folder / "preprocessor_config.json").write_text(json.dumps(families.IMAGENET))
    save_file(half(case.model.dino.state_dict()), folder / "model.safetensors")
    done(name)


def internvl_14b(name, case):
    """internvl_chat_llava with OpenGVLab/InternVL-14B-224px beside it: InternViT-6B, QLLaMA, the queries, and what only retrieval and captions need."""
    case.build()
    tower, vision = intern_vit(case)
    qllama = case.model.model.qllama.state_dict()
    state = {**{f"vision_model.{key}": tensor for key, tensor in tower.items()}, **{f"qllama.model.{key}": tensor for key, tensor in qllama.items()},
             "query_tokens": case.model.model.query_tokens, "qllama.model.embed_tokens.weight": torch.ones(7, 96),
             "qllama.lm_head.weight": torch.ones(7, 96),
             "clip_projector.norm1_q.weight": torch.ones(64), "clip_projector2.cross_attn.q.weight": torch.ones(4, 4), "text_projection": torch.ones(96, 4),
             "logit_scale": torch.tensor(4.6), "itm_head.weight": torch.ones(2, 96)}
    folder = "InternVL-14B-224px"
    write(folder, {}, {"model_type": "internvl", "architectures": ["InternVLModel"], "vision_config": vision,
                       "qllama_config": {**case.qllama, "model_type": "llama", "hidden_act": "silu", "vocab_size": 7},
                       "num_query_token": case.model.model.query_tokens.shape[1],
                       "cross_attention_frequency": 2, "clip_embed_dim": 4, "attn_pool_num_heads": 2, "use_backbone_lora": 0, "use_qllama_lora": 0, "force_image_size": None})
    (HERE / folder / "model.safetensors").unlink()
    pytorch(HERE / folder, state, shards=2)
    done(folder)
    internvl_1_chat(name, case, folder, mm_projector_type="two_mlp", mm_hidden_size=case.qllama["hidden_size"])


EVA = [("vision_model.embeddings.class_embedding", "cls_token"), ("vision_model.embeddings.position_embedding", "pos_embed"),
       ("vision_model.embeddings.patch_embedding", "patch_embed.proj"), ("vision_model.encoder.layers.", "blocks."), ("self_attn.projection", "attn.proj"),
       ("self_attn.", "attn."), ("layer_norm", "norm")]
LAVIS_FORMER = [("qformer.embeddings.layernorm.", "Qformer.bert.embeddings.LayerNorm."), ("qformer.layernorm.", "Qformer.bert.embeddings.LayerNorm."),
                ("qformer.", "Qformer.bert."), ("attention.attention.", "attention.self."), ("vision_model.post_layernorm.", "ln_vision.")]


def eva(state, stray=True):
    """eva_vit_g.pth: biases of queries and values alone (what keys' would add is the same for all), and a block more than is run."""
    tower = families.rename({key: tensor for key, tensor in state.items() if key.startswith("vision_model.") and "post_layernorm" not in key}, EVA)
    for key in [key for key in tower if key.endswith("attn.qkv.bias")]:
        bias = tower.pop(key)
        tower[key.replace("qkv.bias", "q_bias")], tower[key.replace("qkv.bias", "v_bias")] = bias[:len(bias) // 3], bias[-(len(bias) // 3):]
    if stray:
        last = max(int(key.split(".")[1]) for key in tower if key.startswith("blocks."))
        tower.update({key.replace(f"blocks.{last}.", f"blocks.{last + 1}."): torch.ones_like(tensor) for key, tensor in tower.items() if key.startswith(f"blocks.{last}.")})
    return tower


def clip(state):
    """clip_vit_L.pth: what OpenAI's model has behind the tower is in it, and is not loaded."""
    tower = {key.removeprefix("vision_model.visual_encoder."): tensor for key, tensor in state.items() if key.startswith("vision_model.visual_encoder.")}
    return {**tower, "ln_post.weight": torch.ones(4), "ln_post.bias": torch.ones(4), "proj": torch.ones(4, 4)}


def lavis(name, case, file, language_folder, projection, tower_inside=False):
    """salesforce/LAVIS: what was trained, as its runner saves it, EVA's tower, the language model's folder, and bert-base-uncased's tokenizer where it is read."""
    case.build()
    state, folder = case.model.state_dict(), HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / language_folder).mkdir(parents=True)
    reads = hasattr(case, "word_pieces")
    own = {key: tensor for key, tensor in state.items() if key.startswith(("qformer.", "query_tokens", "vision_model.post_layernorm."))
           and (reads or not any(part in key for part in (".intermediate.", "qformer.embeddings.")) and key.split(".")[4:5] != ["output"])}
    own = {**families.rename(own, LAVIS_FORMER), **{key.replace("language_projection", projection): tensor for key, tensor in state.items() if key.startswith("language_projection")}}
    if reads:
        own["Qformer.bert.embeddings.position_ids"] = torch.arange(64)[None]
    half = lambda tensors: {key: tensor.detach().half().contiguous().clone() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
    own.update({key.removeprefix("vision_model."): tensor for key, tensor in state.items() if key.startswith("vision_model.ln_vision.")})
    if any(key.startswith("vision_model.visual_encoder.") for key in state):
        torch.save(half(clip(state)), folder / "clip_vit_L.pth")
    elif tower_inside:     # it was trained too
        own.update({"visual_encoder." + key: tensor for key, tensor in eva(state, stray=False).items()})
    else:
        torch.save(half(eva(state)), folder / "eva_vit_g.pth")
    torch.save({"model": half(own), "epoch": 0}, folder / file)
    language = {key.removeprefix("language_model."): tensor for key, tensor in state.items() if key.startswith("language_model.")}
    language = {key: tensor for key, tensor in language.items() if "coder.embed_tokens" not in key or key.startswith("model.")}
    save_file(half(language), folder / language_folder / "model.safetensors", metadata={"format": "pt"})
    whole = case.model.config.to_dict()["text_config"]
    if case.language == "t5":
        text = {key: whole[key] for key in ("model_type", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads", "vocab_size", "feed_forward_proj")}
        text.update(tie_word_embeddings=False, architectures=["T5ForConditionalGeneration"], dense_act_fn="gelu_new")     # LAVIS sets "gelu" itself
    elif case.language == "opt":
        text = {key: whole[key] for key in ("model_type", "vocab_size", "hidden_size", "ffn_dim", "num_hidden_layers", "num_attention_heads", "max_position_embeddings",
                                            "word_embed_proj_dim", "do_layer_norm_before", "activation_function", "pad_token_id", "bos_token_id")}
        text.update(architectures=["OPTForCausalLM"], eos_token_id=text["bos_token_id"])     # LAVIS itself ends answers with a newline
    else:
        text = {**families.text_config(case), "architectures": ["LlamaForCausalLM"], "bos_token_id": 1}
    (folder / language_folder / "config.json").write_text(json.dumps(text, indent=1, sort_keys=True))
    families.tokenizer(folder / language_folder, case.vocabulary)
    if case.language == "opt":
        path = folder / language_folder / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": "</s>", "pad_token": "<pad>"}, indent=1))
    if case.language == "llama":      # Vicuna's own, whose special tokens LAVIS' code changes
        path = folder / language_folder / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "bos_token": "<s>", "unk_token": "<unk>"}, indent=1))
    if reads:
        bert = folder / "bert-base-uncased"
        bert.mkdir()
        (bert / "vocab.txt").write_text("\n".join(case.word_pieces.pieces[:-1]) + "\n", encoding="utf-8")     # [DEC] is LAVIS' own
        former = case.model.config.qformer_config
        (bert / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertForMaskedLM"], "num_attention_heads": former.num_attention_heads,
                                                      "hidden_size": former.hidden_size, "layer_norm_eps": former.layer_norm_eps, "num_hidden_layers": 12}))
    print(name, sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) // 1024, "KB", flush=True)


ANYRES = {"image_aspect_ratio": "anyres", "mm_patch_merge_type": "spatial_unpad", "image_crop_resolution": 224, "image_split_resolution": 224,
          "image_grid_pinpoints": [[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]]}


def main(names):
    makers = {
        "llava-v1.5": lambda n: llava(n, families.family("llava").Llava15(), tower=False, form="bin", image_aspect_ratio="pad"),
        "llava-v1.6": lambda n: llava(n, families.family("llava-next").LlavaNext(), tower=True, **ANYRES),
        "llava-next-llama3": lambda n: llava(n, families.family("llava-next").LlavaNextLlama3(), tower=True, model_type="llava_llama", **ANYRES),
        "llava-next-qwen": lambda n: llava(n, families.family("llava-next").LlavaNextQwen(), tower=True, model_type="llava_qwen", architectures=["LlavaQwenForCausalLM"], **ANYRES),
        "llava-1-ends": lambda n: llava_ends(n, families.family("llava").Llava1Ends()),
        "llava-uhd": lambda n: llava_uhd(n, families.family("llava-uhd").LlavaUhdRelease()),
        "minicpm-v-2.0": lambda n: minicpm_2(n, families.family("minicpm-v").V20()),
        "minicpm-llama3-v-2.5": lambda n: families.minicpm(n, families.family("minicpm-v").V25()),
        "mplug-owl": lambda n: mplug_owl(n, families.family("mplug-owl").MplugOwlCase()),
        "internvl-1.0": lambda n: internvl_1(n, families.family("internvl-1.0").InternVl10()),
        "cambrian-8b": lambda n: cambrian(n, families.family("cambrian").CambrianCase()),
        "internvl-1.0-qllama": lambda n: internvl_14b(n, families.family("internvl-1.0").InternVlQueries()),
        "blip2-flan-t5-lavis": lambda n: lavis(n, families.family("blip-2").Blip2Lavis(), "blip2_pretrained_flant5xl.pth", "flan-t5-xl", "t5_proj", tower_inside=True),
        "blip2-flan-t5-vitl": lambda n: lavis(n, families.family("blip-2").Blip2LavisClip(), "blip2_pretrained_flant5xl_vitL.pth", "flan-t5-xl", "t5_proj"),
        "instructblip-vicuna-lavis": lambda n: lavis(n, families.family("instructblip").InstructLavis(), "instruct_blip_vicuna7b_trimmed.pth", "vicuna-7b", "llm_proj"),
        "glm-4v": lambda n: glm4v(n, families.family("glm-4v").Glm4vCase()),
    }
    for name, make in makers.items():
        if not names or name in names:
            make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
