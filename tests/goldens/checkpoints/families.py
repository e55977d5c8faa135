"""The multimodal goldens' models again, as checkpoints in the layouts that such models are released in. See README.md."""
import hashlib
import importlib.util
import json
import pathlib
import shutil
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]

import gguf
import torch
from safetensors.torch import save_file

import gguf_files
import pictures
import tokenizers_files as files

CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def family(name):
    """A family's make.py as a module; its helpers' names are its own, so they are forgotten first."""
    folder = HERE.parent / name
    for module in [m for m, loaded in sys.modules.items() if str(getattr(loaded, "__file__", "") or "").startswith(str(HERE.parent)) and "common" not in str(loaded.__file__)
                   and "checkpoints" not in str(loaded.__file__)]:
        del sys.modules[module]
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"{name}.make", folder / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tokenizer(folder, vocabulary):
    if hasattr(vocabulary, "words"):
        vocabulary.save(folder)
    elif hasattr(vocabulary, "adds_eos"):
        files.unigram(folder, vocabulary)
    elif hasattr(vocabulary, "merges"):
        files.byte_pairs(folder, vocabulary)
    else:
        config = {} if vocabulary.space_prefix is None else {"add_prefix_space": vocabulary.space_prefix}
        files.sentencepiece(folder, vocabulary, {**config, **getattr(vocabulary, "tokenizer_config", {})})


def save(folder, state, config, vocabulary, processor):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    state = {name: tensor.detach().half().contiguous().clone() for name, tensor in state.items() if "position_ids" not in name}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True, default=str))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    tokenizer(folder, vocabulary)
    print(folder.name, sum(f.stat().st_size for f in folder.iterdir()) // 1024, "KB", flush=True)


def text_config(case, **more):
    keep = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps",
            "bos_token_id", "eos_token_id", "model_type", "rope_theta", "rope_parameters", "original_max_position_embeddings", "sliding_window")
    given = case.model.config.text_config.to_dict()
    config = {key: given[key] for key in keep if given.get(key) is not None}
    if config.get("model_type") in ("qwen3",):
        config["head_dim"] = given["head_dim"]
    return {**config, "tie_word_embeddings": False, **more}


def rename(state, parts):
    return {gguf_files.rename(parts, name): tensor for name, tensor in state.items()}


HUB = [("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."), ("model.vision_tower.", "vision_tower.vision_model."),
       ("vision_model.vision_model.", "vision_model."), ("model.multi_modal_projector.", "multi_modal_projector."), ("model.image_newline", "image_newline")]
AUTHORS = [("model.language_model.", "model."), ("model.vision_tower.", "model.vision_tower.vision_tower.vision_model."), ("vision_model.vision_model.", "vision_model."),
           ("model.multi_modal_projector.linear_1.", "model.mm_projector.0."), ("model.multi_modal_projector.linear_2.", "model.mm_projector.2."),
           ("model.multi_modal_projector.0.", "model.mm_projector.")]


# What the released checkpoints' config.json say beside the language model's settings.
STRAY = {"factor": 2.0, "type": "linear"}                                              # in llava-hf's NeXT-Video, from which no scaling follows
NEXT_VIDEO = {"mm_resampler_type": None, "mm_spatial_pool_mode": "average", "mm_spatial_pool_stride": 2, "mm_spatial_pool_out_channels": 1024,
              "image_aspect_ratio": "anyres", "mm_patch_merge_type": "spatial_unpad", "rope_scaling": {"factor": 2.0, "type": "linear"}, "rope_theta": 10000.0}
QWEN = {"architectures": ["LlavaQwenForCausalLM"], "mm_vision_tower": "google/siglip-so400m-patch14-76"}
ONEVISION = {**QWEN, "model_type": "llava", "image_aspect_ratio": "anyres_max_9", "mm_patch_merge_type": "spatial_unpad", "mm_spatial_pool_mode": "bilinear",
             "mm_spatial_pool_stride": None, "image_grid_pinpoints": "(1x1),...,(6x6)"}
# Its image_newline is never read.
INTERLEAVE = {**QWEN, "model_type": "llava_qwen", "mm_patch_merge_type": "flat", "image_aspect_ratio": "anyres", "image_grid_pinpoints": "(1x1),...,(6x6)"}


def llava(name, make, authors=False, processor=CLIP, text=None, newline=False, **config):
    case = make()
    case.build()
    state = case.model.state_dict()
    if authors:
        if hasattr(case, "pinpoints"):
            config["image_grid_pinpoints"] = [list(pinpoint) for pinpoint in case.pinpoints]
        if newline:
            state["model.image_newline"] = torch.full((case.model.config.text_config.hidden_size,), 9.0)
        text = text_config(case)
        if "rope_scaling" in config:
            text.pop("rope_parameters")
        settings = {**text, "model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "mm_vision_tower": "openai/clip-vit-large-patch14-336",
                    "mm_vision_select_layer": -2, "mm_projector_type": "mlp2x_gelu", **config}
        save(HERE / name, rename(state, AUTHORS), settings, case.vocabulary, processor)
        return
    whole = case.model.config.to_dict()
    settings = {"model_type": whole["model_type"], "architectures": [type(case.model).__name__], "text_config": text_config(case, **(text or {})), "vision_config": {
        key: whole["vision_config"][key] for key in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size",
                                                     "hidden_act", "layer_norm_eps")}, "vision_feature_layer": whole["vision_feature_layer"], "image_token_index": 0, **config}
    if "vision_aspect_ratio" in whole:
        settings["vision_aspect_ratio"] = whole["vision_aspect_ratio"]
    if "image_grid_pinpoints" in whole:       # as published, which is not as transformers reads them
        settings["image_grid_pinpoints"] = [[width, height] for height, width in whole["image_grid_pinpoints"]]
    save(HERE / name, rename(state, HUB) if name != "llava-1.5-hf" else state, settings, case.vocabulary, processor)


INTERN = [("model.vision_tower.", "vision_model."), ("embeddings.cls_token", "embeddings.class_embedding"), ("embeddings.position_embeddings", "embeddings.position_embedding"),
          ("patch_embeddings.projection", "patch_embedding"), ("encoder.layer.", "encoder.layers."), ("attention.projection_layer", "attn.proj"),
          ("attention.q_norm", "attn.q_norm"), ("attention.k_norm", "attn.k_norm"), ("layernorm_before", "norm1"), ("layernorm_after", "norm2"), ("lambda_1", "ls1"),
          ("lambda_2", "ls2"), ("model.multi_modal_projector.layer_norm.", "mlp1.0."), ("model.multi_modal_projector.linear_1.", "mlp1.1."),
          ("model.multi_modal_projector.linear_2.", "mlp1.3."), ("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head.")]
INTERNLM2 = [("embed_tokens", "tok_embeddings"), ("language_model.lm_head.", "language_model.output."), ("input_layernorm", "attention_norm"),
             ("post_attention_layernorm", "ffn_norm"), ("self_attn.o_proj", "attention.wo"), ("mlp.gate_proj", "feed_forward.w1"), ("mlp.up_proj", "feed_forward.w3"),
             ("mlp.down_proj", "feed_forward.w2")]


def internvl(name, case, authors):
    case.build()
    state, whole = case.model.state_dict(), case.model.config.to_dict()
    vision = {key: whole["vision_config"][key] for key in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size",
                                                           "hidden_act", "layer_norm_eps", "norm_type", "use_qk_norm", "attention_bias")}
    tiles = {"min_patches": case.least_tiles, "max_patches": case.most_tiles}
    if not authors:
        settings = {"model_type": "internvl", "architectures": ["InternVLForConditionalGeneration"], "vision_config": vision, "text_config": text_config(case),
                    "downsample_ratio": 0.5, "vision_feature_layer": -1}
        return save(HERE / name, state, settings, case.vocabulary, {**IMAGENET, **tiles})
    state = rename(state, INTERN)
    for key in [key for key in state if ".attention.q_proj." in key and key.startswith("vision_model.")]:
        parts = [state.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
        state[key.replace("attention.q_proj", "attn.qkv")] = torch.cat(parts)
    language, text = {}, text_config(case)
    for key in [key for key in state if key.startswith("language_model.")]:
        language[key] = state.pop(key)
    if case.architecture == "internlm2":
        heads, keys, size = text["num_attention_heads"], text["num_key_value_heads"], text["hidden_size"] // text["num_attention_heads"]
        for key in [key for key in language if "self_attn.q_proj" in key]:
            q, k, v = (language.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj"))
            grouped = torch.cat([q.view(keys, heads // keys, size, -1), k.view(keys, 1, size, -1), v.view(keys, 1, size, -1)], 1)
            language[key.replace("self_attn.q_proj", "attention.wqkv")] = grouped.reshape(-1, q.shape[-1])
        language = rename(language, INTERNLM2)
        text = {**text, "model_type": "internlm2", "architectures": ["InternLM2ForCausalLM"]}
    vision["image_size"], vision["patch_size"] = vision["image_size"][0], vision["patch_size"][0]
    settings = {"model_type": "internvl_chat", "architectures": ["InternVLChatModel"], "vision_config": {**vision, "model_type": "intern_vit_6b"}, "llm_config": text,
                "downsample_ratio": 0.5, "select_layer": -1, "ps_version": "v1" if case.column_order else "v2", "min_dynamic_patch": case.least_tiles,
                "max_dynamic_patch": case.most_tiles}
    save(HERE / name, {**state, **language}, settings, case.vocabulary, IMAGENET)


def minicpm(name, case, model_type="minicpmv", **more):
    case.build()
    state = {}
    given = case.stored or case.model.state_dict()
    for key, tensor in given.items():
        key = gguf_files.rename([("model.language_model.", "llm.model."), ("model.vision_tower.vision_model.", "vpm."), ("model.vision_tower.", "vpm."),
                                 ("model.resampler.", "resampler."), ("resampler.norm_", "resampler.ln_")], key)
        state["llm." + key if key.startswith("lm_head") else key] = tensor
    settings = {**text_config(case), "model_type": model_type, "architectures": ["MiniCPMV"], "query_num": case.queries, "slice_config": {
        "scale_resolution": case.image_size, "max_slice_nums": 9, "patch_size": 14}, "vision_config": {"num_attention_heads": 4}, **more}
    save(HERE / name, state, settings, case.vocabulary, HALF)


def idefics(name, case):
    """HuggingFaceM4/idefics-9b: what transformers' class saves; everything of the language model stands at the top of config.json."""
    case.build()
    whole = case.model.config.to_dict()
    keep = ("model_type", "architectures", "vocab_size", "additional_vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "rms_norm_eps", "max_position_embeddings", "cross_layer_interval", "qk_layer_norms", "alpha_type", "use_resampler", "bos_token_id", "eos_token_id",
            "pad_token_id")
    sides = {side: {key: value for key, value in whole[side].items() if isinstance(value, (int, float, str)) and not key.startswith("_")}
             for side in ("vision_config", "perceiver_config")}
    config = {**{key: whole[key] for key in keep if whole.get(key) is not None}, **sides, "tie_word_embeddings": False,
              "architectures": ["IdeficsForVisionText2Text"]}
    save(HERE / name, case.model.state_dict(), config, case.vocabulary, {**CLIP, "image_size": 56})


def mllama(name, case):
    """meta-llama/Llama-3.2-11B-Vision-Instruct: transformers 4's names, the indices of the intermediate states as released."""
    case.build()
    whole = case.model.config.to_dict()
    parts = [("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."), ("model.vision_model.", "vision_model."),
             ("model.multi_modal_projector.", "multi_modal_projector.")]
    vision = {key: whole["vision_config"][key] for key in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_global_layers", "attention_heads",
                                                           "image_size", "patch_size", "max_num_tiles", "norm_eps", "hidden_act", "vision_output_dim",
                                                           "supported_aspect_ratios")}
    vision["intermediate_layers_indices"] = family("mllama").INTERMEDIATE
    text = {**text_config(case), "cross_attention_layers": whole["text_config"]["cross_attention_layers"]}
    save(HERE / name, rename(case.model.state_dict(), parts), {
        "model_type": "mllama", "architectures": ["MllamaForConditionalGeneration"], "vision_config": vision, "text_config": text,
        "image_token_index": case.image}, case.vocabulary, {**CLIP, "max_image_tiles": 4, "size": {"height": 28, "width": 28}})


def blip2(name, case, **config):
    """Salesforce/blip2-*, instructblip-*: what transformers' classes save, T5's embeddings once."""
    case.build()
    whole = case.model.config.to_dict()
    state = {key: tensor for key, tensor in case.model.state_dict().items() if "embed_tokens" not in key or ".model." in key}
    keep = ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size", "hidden_act", "layer_norm_eps",
            "cross_attention_frequency", "encoder_hidden_size", "max_position_embeddings", "vocab_size", "qkv_bias")
    sides = {side: {key: whole[side][key] for key in keep if key in whole[side]} for side in ("vision_config", "qformer_config")}
    text = whole["text_config"] if case.language in ("t5", "opt") else text_config(case)
    if case.language == "opt":
        text = {key: text[key] for key in ("model_type", "vocab_size", "hidden_size", "ffn_dim", "num_hidden_layers", "num_attention_heads", "max_position_embeddings",
                                           "word_embed_proj_dim", "do_layer_norm_before", "activation_function", "bos_token_id", "eos_token_id", "pad_token_id")}
    if case.language == "t5":
        text = {key: text[key] for key in ("model_type", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads", "vocab_size", "feed_forward_proj",
                                           "dense_act_fn")}
        text["tie_word_embeddings"] = False
    save(HERE / name, state, {"model_type": whole["model_type"], "architectures": [type(case.model).__mro__[1].__name__], **sides, "text_config": text,
                              "num_query_tokens": whole["num_query_tokens"], "image_token_index": case.placeholder, **config}, case.vocabulary, CLIP)
    if case.language == "opt":
        path = HERE / name / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": "</s>", "pad_token": "<pad>"}, indent=1))
    if hasattr(case, "word_pieces"):
        case.word_pieces.save(HERE / name / "qformer_tokenizer")


def minicpm46(name, case):
    """transformers' own layout, with what its processor saves."""
    case.build()
    whole = case.model.config.to_diff_dict()
    whole["text_config"] = case.model.config.text_config.to_dict()
    settings = {**whole, "model_type": "minicpmv4_6", "architectures": [type(case.model).__name__]}
    save(HERE / name, case.model.state_dict(), settings, case.vocabulary, json.loads(case.processor().to_json_string()))


BLIP_TOWER = [("vision_model.", "visual_encoder."), ("embeddings.class_embedding", "cls_token"), ("embeddings.position_embedding", "pos_embed"),
              ("embeddings.patch_embedding", "patch_embed.proj"), ("post_layernorm", "norm"), ("encoder.layers.", "blocks."), ("self_attn.projection", "attn.proj"),
              ("self_attn", "attn"), ("layer_norm", "norm")]


def blip(name, case, authors=False):
    """Salesforce/blip-*: what transformers' classes save; or salesforce/LAVIS' file, whose head is stored a second time, with transformers' configuration."""
    case.build()
    whole = case.model.config.to_dict()
    keep = ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size", "hidden_act", "layer_norm_eps",
            "max_position_embeddings", "vocab_size", "bos_token_id", "sep_token_id", "pad_token_id", "is_decoder", "encoder_hidden_size")
    sides = {side: {key: whole[side][key] for key in keep if key in whole[side]} for side in ("vision_config", "text_config")}
    config = {"model_type": "blip", "architectures": [type(case.model).__name__], "image_text_hidden_size": whole["image_text_hidden_size"], **sides}
    state = case.model.state_dict()
    plain = {key: tensor for key, tensor in state.items() if "cls.predictions.decoder" not in key}
    save(HERE / name, plain, config, case.vocabulary, CLIP)
    if authors:
        (HERE / name / "model.safetensors").unlink()
        rename = lambda key: gguf_files.rename(BLIP_TOWER, key) if key.startswith("vision_model.") else key
        theirs = {rename(key): tensor.detach().half().contiguous().clone() for key, tensor in state.items() if not key.endswith("decoder.bias")}
        torch.save({"model": {**theirs, "text_decoder.bert.embeddings.position_ids": torch.arange(64)[None]}}, HERE / name / "model_base_caption.pth")


def candle(name, case):
    """lmz/candle-blip: a checkpoint's tensors quantized by huggingface/candle, tensor-tools/src/main.rs, run_quantize_safetensors: their own names, no keys, matrices
    of whole blocks quantized and all else in single precision; only the tokenizer beside it. Format: candle-core/src/quantized/gguf_file.rs, write (version 2)."""
    case.build()
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    case.vocabulary.words.save(folder)
    state = {**case.model.state_dict(), "text_decoder.bert.embeddings.position_ids": torch.arange(64)[None]}
    table, data = [], b""
    for key in sorted(state, key=lambda key: hashlib.sha256(key.encode()).digest()):                       # candle's comes in no order
        values = state[key].detach().float().numpy()
        kind = gguf.GGMLQuantizationType.Q8_0 if values.ndim == 2 and values.shape[1] % 32 == 0 else gguf.GGMLQuantizationType.F32
        stored = gguf.quants.quantize(values, kind).tobytes()
        table.append(struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", values.ndim) + struct.pack(f"<{values.ndim}Q", *reversed(values.shape))
                     + struct.pack("<IQ", kind, len(data)))
        data += stored + bytes(-len(stored) % 32)
        with torch.no_grad():
            case.model.state_dict().get(key, torch.empty(values.shape)).copy_(torch.from_numpy(gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)))
    head = struct.pack("<IIQQ", 0x46554747, 2, len(table), 0) + b"".join(table)
    (folder / "blip-image-captioning-large-q8_0.gguf").write_bytes(head + bytes(-len(head) % 32) + data)
    # What the class says with these weights, up to where rounding of what is multiplied with them could decide.
    drawn, runs = pictures.draw(HERE.parent / "pictures"), []
    for picture in case.picture_names:
        for text in ("", "a picture of", "this is", "there is", "look, a", "what is this?", "two small stars"):
            tokens, _ = case.decode([case.vocabulary.start] + case.vocabulary.encode(text), case.see(drawn[picture])[0], least=0.12)
            if len(tokens) >= 4:
                runs.append({"picture": picture, "prompt": text, "tokens": tokens})
    (folder / "runs.json").write_text("[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]\n")
    print(name, len(runs), "runs", [len(run["tokens"]) for run in runs], flush=True)


OPEN_CLIP = [("embeddings.class_embedding", "class_embedding"), ("embeddings.position_embedding.weight", "positional_embedding"), ("embeddings.patch_embedding", "conv1"),
             ("pre_layrnorm", "ln_pre"), ("post_layernorm", "ln_post"), ("encoder.layers.", "transformer.resblocks."), ("self_attn.", "attn."), ("layer_norm1", "ln_1"),
             ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")]


def openflamingo(name, case, module, open_clip=False):
    """openflamingo/OpenFlamingo-*: checkpoint.pt with what was trained (train_utils.py, filter_state_dict_to_trainable), the language model's folder and CLIP's beside
    it; CLIP as transformers has it or as open_clip. MPT's names are those of mosaicml/mpt-1b-redpajama-200b."""
    case.build()
    folder, half = HERE / name, lambda state: {key: tensor.detach().half().contiguous().clone() for key, tensor in state.items()}
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "language").mkdir(parents=True)
    (folder / "clip-vit-large-patch14").mkdir()
    own, language = {}, {}
    for key, tensor in case.model.state_dict().items():
        if key.startswith("perceiver.") or "gated_cross_attn_layer" in key:
            own[key] = tensor
        elif key.startswith("lang_encoder.") and key != "lang_encoder.lm_head.weight":
            key = key.removeprefix("lang_encoder.").replace("decoder_layer.", "")
            if "wte" in key or "embed_" in key:
                own["lang_encoder." + key], tensor = tensor, tensor[:-2] * 0.5          # trained further, and with two rows more
            for old, new in (("attn.Wqkv.linear", "attn.Wqkv"), ("attn.Wqkv.q_ln", "attn.q_ln"), ("attn.Wqkv.k_ln", "attn.k_ln"), ("norm_1", "ln_1"), ("norm_2", "ln_2"),
                             ("norm_f", "ln_f"), ("ffn.up_proj", "mlp.mlp_up"), ("ffn.down_proj", "mlp.mlp_down")):
                key = key.replace(old, new)
            language[key] = tensor
    torch.save(half(own), folder / "checkpoint.pt")
    save_file(half(language), folder / "language" / "model.safetensors", metadata={"format": "pt"})
    config = case.model.lang_encoder.config
    if hasattr(config, "n_heads"):
        settings = {"model_type": "mosaic_gpt", "architectures": ["MosaicGPT"], "d_model": config.d_model, "n_heads": config.n_heads, "n_layers": config.n_layers, "mlp_ratio": 4,
                    "max_seq_len": config.max_seq_len, "vocab_size": config.vocab_size, "alibi": True, "alibi_bias_max": 8, "attn_qk_ln": True, "attn_clip_qkv": None, "no_bias": True}
    else:
        keep = ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "vocab_size", "use_parallel_residual", "max_position_embeddings", "layer_norm_eps",
                "hidden_act")
        settings = {"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "rotary_pct": 0.5, "rotary_emb_base": 10000, "tie_word_embeddings": False,
                    **{key: getattr(config, key) for key in keep}}
    (folder / "language" / "config.json").write_text(json.dumps(settings, indent=1, sort_keys=True))
    tokenizer(folder / "language", module.Released(module.CORPUS))
    tower = case.model.vision_encoder.state_dict()
    tower = {key.removeprefix("vision_model."): tensor for key, tensor in tower.items() if "position_ids" not in key}
    beside = folder / "clip-vit-large-patch14"
    if open_clip:
        for key in [key for key in tower if ".q_proj." in key]:
            parts = [tower.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
            tower[key.replace("q_proj.", "in_proj_")] = torch.cat(parts)
        tower = {"visual." + gguf_files.rename(OPEN_CLIP, key): tensor for key, tensor in tower.items()}
        torch.save(half(tower), beside / "open_clip_pytorch_model.pt")
        (beside / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"embed_dim": 48, "quick_gelu": True, "vision_cfg": {"image_size": 56, "layers": 3, "width": 64, "head_width": 16,
                                                                                                                                       "patch_size": 14}}}))
    else:
        save_file(half({"vision_model." + key: tensor for key, tensor in tower.items()}), beside / "model.safetensors", metadata={"format": "pt"})
        (beside / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": {**case.vision, "model_type": "clip_vision_model"}}, indent=1))
    print(name, sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) // 1024, "KB", flush=True)


MINIGPT_FORMER = [("layernorm.", "bert.embeddings.LayerNorm."), ("encoder.layer.", "bert.encoder.layer."), ("attention.attention.", "attention.self.")]


def minigpt(name, case, inside=False):
    """The authors' file (what they trained) and, beside it, EVA's and BLIP-2's; the language model in a folder of its own, or in the same one."""
    case.build()
    model, folder = case.model, HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    language = folder if inside else folder / "llama"
    language.mkdir(parents=True)
    half = lambda state: {key: tensor.detach().half().contiguous().clone() for key, tensor in state.items()}
    own = {"llama_proj.weight": model.llama_proj.weight.detach().clone(), "llama_proj.bias": model.llama_proj.bias.detach().clone()}
    text, generator = model.llama_model.state_dict(), torch.Generator().manual_seed(7)
    if case.wording == "v2":      # W - B A / 4 in single precision, so that what is merged is the golden's W
        text = {key: tensor.clone() for key, tensor in text.items()}
        for key in [key for key in text if key.endswith(("q_proj.weight", "v_proj.weight"))]:
            down, up = torch.randn(64, text[key].shape[1], generator=generator) * 0.02, torch.randn(text[key].shape[0], 64, generator=generator) * 0.1
            text[key] = text[key] - 0.25 * (up @ down)
            module = "llama_model.base_model.model." + key.removesuffix(".weight")
            own[f"{module}.lora_A.weight"], own[f"{module}.lora_B.weight"] = down, up
        save_file({key: tensor.contiguous() for key, tensor in text.items()}, language / "model.safetensors", metadata={"format": "pt"})
    else:
        torch.save(half(text), language / "pytorch_model.bin")
    torch.save({"model": own, "config": {"run": {"seed": 42}}, "epoch": 0}, folder / "checkpoint_stage.pth")
    torch.save(half(model.visual_encoder.state_dict()), folder / "eva_vit_g.pth")
    if case.has_qformer:
        former = {"Qformer." + gguf_files.rename(MINIGPT_FORMER, key): tensor for key, tensor in model.Qformer.state_dict().items()}
        extra = {"query_tokens": model.query_tokens, **{"ln_vision." + key: tensor for key, tensor in model.ln_vision.state_dict().items()},
                 "t5_proj.weight": torch.zeros(4, 4), "Qformer.bert.embeddings.position_ids": torch.arange(4)[None]}
        torch.save({"model": half({**former, **extra})}, folder / "blip2_pretrained_flant5xxl.pth")
    config = {**text_config(case), "model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    (language / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True))
    tokenizer(language, case.vocabulary)
    print(name, sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) // 1024, "KB", flush=True)


def vila(name, case, **config):
    """NVlabs/VILA llava/model/llava_arch.py, save_pretrained: each side in a folder of its own, with its configuration."""
    case.build()
    state = case.model.state_dict()
    vision = case.model.config.vision_config.to_dict()
    intern = "norm_type" in vision
    side = {key: value[0] if isinstance(value, list) else value for key, value in vision.items() if key in (
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size", "hidden_act", "layer_norm_eps")}
    side["model_type"] = "intern_vit_6b" if intern else "siglip_vision_model"
    sides = {"llm": {}, "vision_tower": {}, "mm_projector": {}}
    for key, tensor in state.items():
        if key.startswith("model.vision_tower."):
            key = key.removeprefix("model.vision_tower.")
            sides["vision_tower"][gguf_files.rename(INTERN, "model.vision_tower." + key).removeprefix("vision_model.") if intern else "vision_model." + key.removeprefix("vision_model.")] = tensor
        elif key.startswith("model.multi_modal_projector."):
            sides["mm_projector"][key.replace("model.multi_modal_projector.", "layers.")] = tensor
        else:
            sides["llm"][key.replace("model.language_model.", "model.")] = tensor
    tower = sides["vision_tower"]
    for key in [key for key in tower if ".attention.q_proj." in key]:
        tower[key.replace("attention.q_proj", "attn.qkv")] = torch.cat([tower.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")])
    configs = {"llm": text_config(case), "vision_tower": side, "mm_projector": {"mm_projector_type": "mlp_downsample", "model_type": "v2l_projector"}}
    shutil.rmtree(HERE / name, ignore_errors=True)
    for part, tensors in sides.items():
        (HERE / name / part).mkdir(parents=True)
        tensors = {key: tensor.detach().half().contiguous().clone() for key, tensor in tensors.items() if "position_ids" not in key}
        save_file(tensors, HERE / name / part / "model.safetensors", metadata={"format": "pt"})
        (HERE / name / part / "config.json").write_text(json.dumps(configs[part], indent=1, sort_keys=True))
    tokenizer(HERE / name / "llm", case.vocabulary)
    (HERE / name / "vision_tower" / "preprocessor_config.json").write_text(json.dumps({} if intern else HALF))
    whole = {"model_type": "llava_llama", "architectures": ["LlavaLlamaModel"], "image_aspect_ratio": case.aspect_ratio, "mm_vision_select_layer": case.select_layer,
             "mm_vision_select_feature": case.select_feature, "s2": False, **{f"{part}_cfg": {"_name_or_path": part, **configs[part]} for part in sides}, **config}
    (HERE / name / "config.json").write_text(json.dumps(whole, indent=1, sort_keys=True))
    print(name, sum(f.stat().st_size for f in (HERE / name).rglob("*") if f.is_file()) // 1024, "KB", flush=True)


def main(names):
    makers = {
        "vila-1.5-3b": lambda n: vila(n, family("vila").Vila3b()),
        "vila-1.5-40b": lambda n: vila(n, family("vila").Vila40b()),
        "nvila": lambda n: vila(n, family("vila").Nvila(), dynamic_s2=True, s2_scales="56,112,168", s2_max_split_size=56, s2_resize_output_to_scale_idx=-1,
                                min_tiles=1, max_tiles=12, image_encoder='{"_target_": "llava.model.encoders.BasicImageEncoder"}'),
        "llava-1.5-hf": lambda n: llava(n, family("llava").Llava15),
        "llava-1": lambda n: llava(n, family("llava").Llava1, authors=True, mm_projector_type="linear"),
        "llava-1.6-hf": lambda n: llava(n, family("llava-next").LlavaNext),
        "llava-onevision-hf": lambda n: llava(n, family("llava-next").LlavaOnevision, processor=HALF),
        "llava-next-video-hf": lambda n: llava(n, family("llava-next-video").LlavaNextVideo, spatial_pool_mode="average", spatial_pool_stride=2,
                                               text=STRAY),
        "llava-next-video": lambda n: llava(n, family("llava-next-video").LlavaNextVideoRelease, authors=True, **NEXT_VIDEO),
        "llava-onevision": lambda n: llava(n, family("llava-next-video").LlavaOnevisionVideo, authors=True, processor=HALF, **ONEVISION),
        "llava-interleave-hf": lambda n: llava(n, family("llava-next-video").LlavaInterleave, processor=HALF),
        "llava-interleave": lambda n: llava(n, family("llava-next-video").LlavaInterleave, authors=True, processor=HALF, newline=True, **INTERLEAVE),
        "instructblip-flan-t5": lambda n: blip2(n, family("instructblip").InstructT5()),
        "instructblip-vicuna": lambda n: blip2(n, family("instructblip").InstructVicuna()),
        "minigpt4-vicuna": lambda n: minigpt(n, family("minigpt").Vicuna()),
        "minigpt4-llama2": lambda n: minigpt(n, family("minigpt").Llama2(), inside=True),
        "minigpt-v2": lambda n: minigpt(n, family("minigpt").Version2()),
        "idefics": lambda n: idefics(n, family("idefics").Idefics()),
        "blip-caption": lambda n: blip(n, family("blip").Caption()),
        "blip-caption-lavis": lambda n: blip(n, family("blip").Caption(), authors=True),
        "blip-candle": lambda n: candle(n, family("blip").Caption()),
        "blip-vqa": lambda n: blip(n, family("blip").Answer()),
        "blip-itm": lambda n: blip(n, family("blip").Matching()),
        "openflamingo-mpt": lambda n: openflamingo(n, family("openflamingo").Mpt(), family("openflamingo")),
        "openflamingo-neox": lambda n: openflamingo(n, family("openflamingo").Neox(), family("openflamingo"), open_clip=True),
        "blip2-opt": lambda n: blip2(n, family("blip-2").Blip2OptCase()),
        "blip2-flan-t5": lambda n: blip2(n, family("blip-2").Blip2Case()),
        "llama-3.2-vision": lambda n: mllama(n, family("mllama").Mllama()),
        "internvl-2.5-hf": lambda n: internvl(n, family("internvl").InternVl25(), authors=False),
        "internvl-1.5": lambda n: internvl(n, family("internvl").InternVl15(), authors=True),
        "minicpm-v-2.6": lambda n: minicpm(n, family("minicpm-v").V26()),
        "minicpm-v-4.6": lambda n: minicpm46(n, family("minicpm-v").V46()),
        "minicpm-v-4.5": lambda n: minicpm(n, family("minicpm-v").V45()),
        "minicpm-llama3-v-2.5": lambda n: minicpm(n, family("minicpm-v").V25()),
    }
    for name, make in makers.items():
        if not names or name in names:
            make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
