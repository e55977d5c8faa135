"""Writes a reference model's weights as the two GGUF files the engine reads: the vision side and the language side."""
import gguf
import numpy as np
import torch


def _add(writer, name, tensor, quantise=None, full=()):
    """Matrices as F16, or as quantise asks; as F32 what has one dimension, what has two and is no .weight, and what full names. The
    convolution is always F16."""
    data = tensor.detach().numpy().astype(np.float32)
    if data.ndim == 1 or name in full or data.ndim == 2 and not name.endswith(".weight"):
        writer.add_tensor(name, np.ascontiguousarray(data))
    elif quantise and data.ndim == 2 and "position" not in name:
        writer.add_tensor(name, gguf.quants.quantize(data, quantise), raw_dtype=quantise)
    else:
        writer.add_tensor(name, np.ascontiguousarray(data.astype(np.float16)))


def _add_key(writer, key, value):
    add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, np.int32: writer.add_int32, str: writer.add_string,
           list: writer.add_array}[type(value)]
    add(key, value)


def _finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rename(parts, name):
    """The name with each old part of it exchanged for the new one, in order."""
    for old, new in parts:
        name = name.replace(old, new)
    return name


TOWER = [("vision_model.", ""), ("embeddings.class_embedding", "v.class_embd"), ("embeddings.patch_embedding", "v.patch_embd"),
         ("embeddings.position_embedding", "v.position_embd"), ("pre_layrnorm", "v.pre_ln"), ("post_layernorm", "v.post_ln"),
         ("encoder.layers", "v.blk"), ("self_attn.out_proj", "attn_out"), ("self_attn.q_proj", "attn_q"),
         ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"), ("layer_norm", "ln")]
STRAIGHT = [("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
SWAPPED = [("mlp.fc1", "ffn_down"), ("mlp.fc2", "ffn_up")]     # what convert_image_encoder_to_gguf.py writes


def tower_tensors(tower, blocks, swapped, fused, post_norm):
    """The tower's tensors under llama.cpp's names: the first blocks of it, q/k/v one by one or fused."""
    named = {rename(TOWER + (SWAPPED if swapped else STRAIGHT), name): tensor for name, tensor in tower.state_dict().items()}
    named = {name: tensor for name, tensor in named.items()
             if "position_ids" not in name and (post_norm or "post_ln" not in name)
             and not (name.startswith("v.blk.") and int(name.split(".")[2]) >= blocks)}
    return fuse(named) if fused else named


def fuse(tensors):
    """q, k and v of each block as one tensor in the place of q."""
    fused = {}
    for name, tensor in tensors.items():
        if ".attn_q." in name:
            fused[name.replace("attn_q", "attn_qkv")] = torch.cat([tensors[name.replace("attn_q", part)] for part in ("attn_q", "attn_k", "attn_v")])
        elif ".attn_k." not in name and ".attn_v." not in name:
            fused[name] = tensor
    return fused


def write_vision(path, config, tensors, keys, mean, std, quantise=None, full=()):
    """config: the tower's transformers config; tensors: name -> tensor; keys: extra metadata, type by Python type; full: kept as F32."""
    writer = gguf.GGUFWriter(path, arch="clip")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if quantise else gguf.LlamaFileType.MOSTLY_F16)
    writer.add_bool("clip.has_vision_encoder", True)
    for key, value in {"image_size": config.image_size, "patch_size": config.patch_size,
                       "embedding_length": config.hidden_size, "feed_forward_length": config.intermediate_size,
                       "attention.head_count": config.num_attention_heads}.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", config.layer_norm_eps)
    writer.add_array("clip.vision.image_mean", list(mean))
    writer.add_array("clip.vision.image_std", list(std))
    for key, value in keys.items():
        _add_key(writer, key, value)
    for name, tensor in tensors.items():
        _add(writer, name, tensor, quantise, full)
    _finish(writer)


LANGUAGE = [("model.language_model.", ""), ("embed_tokens", "token_embd"), ("lm_head", "output"), ("layers.", "blk."),
            ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
            ("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm"), ("self_attn.o_proj", "attn_output"),
            ("self_attn.qkv_proj", "attn_qkv"), ("mlp.gate_up_proj", "ffn_up"), ("mlp.gate_proj", "ffn_gate"),
            ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"), ("post_attention_layernorm", "ffn_norm"), ("input_layernorm", "attn_norm")]


INTERLEAVED = ("llama", "internlm2", "minicpm")     # architectures whose rotary pairs llama.cpp stores side by side


def _interleave(tensor, heads):
    """From transformers' rotary halves to llama.cpp's pairs: row 2i + j of each head takes row i + j * half."""
    rows = tensor.shape[0]
    return tensor.reshape(heads, 2, rows // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def write_language(path, name, model, vocabulary, arch=None, keys=None, state=None, names=LANGUAGE, full=()):
    """model: a ...ForConditionalGeneration, its text configuration in config.text_config, whose language side has the tensors of arch
    under transformers' names; arch: llama.cpp's name of the architecture where it is not the model_type; keys: more keys of it, type by
    Python type; state: the weights to write where they are not the model's own; names: parts of names to exchange; full: kept as F32."""
    config = model.config.text_config
    arch = arch or config.model_type
    writer = gguf.GGUFWriter(path, arch=arch)
    for key, value in (keys or {}).items():
        _add_key(writer, f"{arch}.{key}", value)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(int(head_size * config.rope_parameters.get("partial_rotary_factor", 1)))
    if arch in ("qwen3", "qwen35"):
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    vocabulary.write(writer)
    if vocabulary.bos is not None:
        writer.add_bos_token_id(vocabulary.bos)
    writer.add_eos_token_id(vocabulary.eos)
    writer.add_add_bos_token(vocabulary.adds_bos)
    writer.add_add_eos_token(False)
    for key, tensor in (state or model.state_dict()).items():
        if "language_model" not in key and not key.startswith("lm_head"):
            continue
        target = rename(names, key)
        if target == "norm.weight":
            target = "output_norm.weight"
        if "attn_q." in target and arch in INTERLEAVED:
            tensor = _interleave(tensor, config.num_attention_heads)
        elif "attn_k." in target and arch in INTERLEAVED:
            tensor = _interleave(tensor, config.num_key_value_heads)
        _add(writer, target, tensor, full=[target] if target.endswith(tuple(full)) else ())
    _finish(writer)
