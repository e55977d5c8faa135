"""Checkpoints as they are released, small and random, and what llama.cpp's converter makes of their language models. See README.md."""
import collections
import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]

import torch
import transformers
from safetensors.torch import save_file

import llama_cpp
import tokenizers_files as files
from corpus import CORPUS
from vocabulary import BytePairVocabulary, QwenVocabulary, SentencePieceVocabulary

DIMENSIONS = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
                  rms_norm_eps=1e-5)


def randomise(shapes, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    return {name: (torch.randn(shape, generator=generator) * 0.5 + (1.0 if "norm" in name else 0.0)).to(dtype) for name, shape in sorted(shapes.items())}


def class_shapes(config, build):
    """The names and shapes of a class's own tensors, tied ones once."""
    with torch.device("meta"):
        model = build(config)
    tied = set(getattr(model, "_tied_weights_keys", None) or {}) if config.tie_word_embeddings else set()
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name not in tied}


class Case:
    """A language model: transformers' own class and configuration, or names, shapes and config.json by hand."""
    seed, dtype, vocabulary_type, pre, shards, out_type, card, pytorch = 1, torch.float16, SentencePieceVocabulary, "default", 1, "f16", None, False
    tokenizer = staticmethod(files.sentencepiece)

    def __init__(self, name, **given):
        self.name = name
        self.__dict__.update(given)

    def make(self, folder):
        self.vocabulary = self.vocabulary_type(CORPUS)
        folder.mkdir()
        shapes, config = self.model(len(self.vocabulary.tokens), self.vocabulary)
        (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True))
        weights = randomise(shapes, self.seed, self.dtype)
        self.save(folder, weights)
        self.tokenizer(folder, self.vocabulary)
        if self.card:
            (folder / "README.md").write_text(self.card)
        llama_cpp.write(folder / "expected.json", llama_cpp.convert(folder, self.out_type, self.pre))

    def save(self, folder, weights):
        names = sorted(weights)
        if self.pytorch:
            return self.save_pytorch(folder, weights, names)
        if self.shards == 1:
            return save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        parts = [names[k::self.shards] for k in range(self.shards)]
        file = lambda k: f"model-{k + 1:05d}-of-{self.shards:05d}.safetensors"
        for k, part in enumerate(parts):
            save_file({name: weights[name] for name in part}, folder / file(k), metadata={"format": "pt"})
        index = {"metadata": {}, "weight_map": {name: file(k) for k, part in enumerate(parts) for name in part}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))


    def save_pytorch(self, folder, weights, names):
        """Two files by torch.save, one with views of a shared storage, as a class's own state dictionary with its attributes."""
        parts = [collections.OrderedDict((name, torch.nn.Parameter(weights[name], requires_grad=False)) for name in names[k::2]) for k in range(2)]
        joined = torch.cat([parts[0][name].flatten() for name in parts[0]])
        start = 0
        for name, tensor in parts[0].items():
            parts[0][name] = joined[start:start + tensor.numel()].view(tensor.shape)
            start += tensor.numel()
        parts[1]._metadata = collections.OrderedDict({"": {"version": 1}})
        for k, part in enumerate(parts):
            torch.save(part, folder / f"pytorch_model-{k + 1:05d}-of-00002.bin")
        index = {"metadata": {}, "weight_map": {name: f"pytorch_model-{k + 1:05d}-of-00002.bin" for k, part in enumerate(parts) for name in part}}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1))


def of_class(name, **given):
    """By transformers' class NAMEForCausalLM."""
    def model(self, vocabulary_size, vocabulary):
        settings = {**DIMENSIONS, "vocab_size": vocabulary_size, "bos_token_id": vocabulary.bos, "eos_token_id": vocabulary.eos, "tie_word_embeddings": False,
                    **given}
        settings = {key: value for key, value in settings.items() if value is not ...}
        config = getattr(transformers, settings.pop("config_name", name) + "Config")(**settings)
        build = getattr(transformers, name + "ForCausalLM")
        shapes = class_shapes(config, build)
        plain = {**config.to_diff_dict(), "model_type": config.model_type, "architectures": [build.__name__], "tie_word_embeddings": config.tie_word_embeddings}
        return shapes, plain
    return model


def by_hand(architecture, model_type, shapes_of, **given):
    """For classes that are not in transformers."""
    def model(self, vocabulary_size, vocabulary):
        config = {**DIMENSIONS, "vocab_size": vocabulary_size, "bos_token_id": vocabulary.bos, "eos_token_id": vocabulary.eos, "rope_theta": 10000.0,
                  "model_type": model_type, "architectures": [architecture], **given}
        config = {key: value for key, value in config.items() if value is not ...}
        return shapes_of(vocabulary_size), config
    return model


H, F, Q, K = 32, 64, 32, 16


def internlm2(v):
    blocks = {f"model.layers.{n}.{key}": shape for n in range(2) for key, shape in {
        "attention.wqkv.weight": (Q + 2 * K, H), "attention.wo.weight": (H, Q), "attention_norm.weight": (H,), "ffn_norm.weight": (H,),
        "feed_forward.w1.weight": (F, H), "feed_forward.w2.weight": (H, F), "feed_forward.w3.weight": (F, H)}.items()}
    return {**blocks, "model.tok_embeddings.weight": (v, H), "model.norm.weight": (H,), "output.weight": (v, H)}


def llama_like(v):
    blocks = {f"model.layers.{n}.{key}": shape for n in range(2) for key, shape in {
        "self_attn.q_proj.weight": (Q, H), "self_attn.k_proj.weight": (K, H), "self_attn.v_proj.weight": (K, H), "self_attn.o_proj.weight": (H, Q),
        "input_layernorm.weight": (H,), "post_attention_layernorm.weight": (H,),
        "mlp.gate_proj.weight": (F, H), "mlp.up_proj.weight": (F, H), "mlp.down_proj.weight": (H, F)}.items()}
    return {**blocks, "model.embed_tokens.weight": (v, H), "model.norm.weight": (H,), "lm_head.weight": (v, H)}


def chatglm(v):
    blocks = {f"transformer.encoder.layers.{n}.{key}": shape for n in range(2) for key, shape in {
        "self_attention.query_key_value.weight": (Q + 2 * K, H), "self_attention.query_key_value.bias": (Q + 2 * K,), "self_attention.dense.weight": (H, Q),
        "input_layernorm.weight": (H,), "post_attention_layernorm.weight": (H,), "mlp.dense_h_to_4h.weight": (2 * F, H),
        "mlp.dense_4h_to_h.weight": (H, F)}.items()}
    return {**blocks, "transformer.embedding.word_embeddings.weight": (v, H), "transformer.encoder.final_layernorm.weight": (H,),
            "transformer.output_layer.weight": (v, H), "transformer.rotary_pos_emb.inv_freq": (4,)}


class GlmVocabulary(BytePairVocabulary):
    specials = ["<|endoftext|>", "[MASK]", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"]
    bos_text, eos_text, placeholder_text, adds_bos, whole_words_first = None, "<|endoftext|>", "<|endoftext|>", False, False


class Qwen35Vocabulary(QwenVocabulary):
    pre = "qwen35"
    # transformers v5.12, models/qwen3_5/tokenization_qwen3_5.py
    SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|"
             r"\s+(?!\S)|\s+")


def chat_files(folder, vocabulary):
    """InternLM2's chat models rename pieces that were kept unused."""
    end = {str(len(vocabulary.tokens) - 1): {"content": "<|im_end|>", "special": True}}
    files.sentencepiece(folder, vocabulary, {"added_tokens_decoder": end})


class T5Vocabulary:
    """A Unigram model, trained here."""
    bos, adds_bos, eos, unknown = 0, False, 1, 2

    def __init__(self, corpus):
        import io
        import sentencepiece
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus * 4), model_writer=out, vocab_size=200, model_type="unigram", pad_id=0,
                                                 eos_id=1, unk_id=2, bos_id=-1, num_threads=1, minloglevel=2)
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
        self.tokens = [self._processor.id_to_piece(k) for k in range(self._processor.vocab_size())]


def t5(self, vocabulary_size, vocabulary):
    config = transformers.T5Config(vocab_size=vocabulary_size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_decoder_layers=2, num_heads=4,
                                   feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0)
    shapes = class_shapes(config, transformers.T5ForConditionalGeneration)
    for side in ("encoder", "decoder"):
        shapes.pop(f"{side}.embed_tokens.weight", None)
    return shapes, {**config.to_diff_dict(), "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "decoder_start_token_id": 0, "tie_word_embeddings": False}


CARD = """---
license: apache-2.0
language:
- en
- de
tags: [small, "for tests"]
model_name: Small Llama
base_model: nobody/nothing
---
# Small
"""
CASES = [
    Case("llama", seed=1, dtype=torch.bfloat16, shards=2, card=CARD, model=of_class("Llama").__get__),
    Case("llama-pytorch", seed=1, dtype=torch.bfloat16, pytorch=True, model=of_class("Llama").__get__),
    Case("llama-q8_0", seed=2, dtype=torch.float32, out_type="q8_0", model=of_class("Llama").__get__),
    Case("llama-bf16", seed=2, dtype=torch.float32, out_type="bf16", model=of_class("Llama").__get__),
    Case("llama-3", seed=3, vocabulary_type=BytePairVocabulary, pre="llama-bpe", tokenizer=files.byte_pairs, model=of_class(
        "Llama", tie_word_embeddings=True, rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                            "original_max_position_embeddings": 64}).__get__),
    Case("llama-linear", seed=4, model=of_class("Llama", rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}).__get__),
    Case("mistral", seed=5, dtype=torch.float32, out_type="f32", model=of_class("Mistral", head_dim=8).__get__),
    Case("qwen2", seed=6, vocabulary_type=QwenVocabulary, pre="qwen2", tokenizer=files.byte_pairs, model=of_class("Qwen2").__get__),
    Case("qwen2-slow", seed=6, vocabulary_type=QwenVocabulary, pre="qwen2", tokenizer=lambda f, v: files.byte_pairs(f, v, {"tokenizer_class": "Qwen2Tokenizer"}, slow=True),
         model=of_class("Qwen2").__get__),
    Case("qwen3", seed=7, vocabulary_type=QwenVocabulary, pre="qwen2", tokenizer=files.byte_pairs, model=of_class("Qwen3", head_dim=16).__get__),
    Case("qwen35", seed=18, dtype=torch.bfloat16, vocabulary_type=Qwen35Vocabulary, pre="qwen35", tokenizer=files.byte_pairs, model=of_class(
        "Qwen3_5", config_name="Qwen3_5Text", num_hidden_layers=4, head_dim=16, linear_key_head_dim=8, linear_value_head_dim=8, linear_num_key_heads=2,
        linear_num_value_heads=4, linear_conv_kernel_dim=4).__get__),
    Case("phi3", seed=8, model=of_class("Phi3", original_max_position_embeddings=512, pad_token_id=0).__get__),
    Case("phi3-long", seed=9, model=of_class("Phi3", original_max_position_embeddings=128, pad_token_id=0, rope_parameters={
        "rope_type": "longrope", "rope_theta": 10000.0, "long_factor": [1.0, 1.5, 2.0, 4.0], "short_factor": [1.0, 1.0, 1.25, 1.5]}).__get__),
    Case("phi3-partial", seed=19, model=of_class("Phi3", original_max_position_embeddings=128, pad_token_id=0, tie_word_embeddings=True, rope_parameters={
        "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75, "long_factor": [1.0, 1.5, 2.0], "short_factor": [1.0, 1.0, 1.25]}).__get__),
    Case("internlm2", seed=10, tokenizer=chat_files, model=by_hand("InternLM2ForCausalLM", "internlm2", internlm2).__get__),
    Case("minicpm", seed=11, model=by_hand("MiniCPMForCausalLM", "minicpm", llama_like, scale_emb=12, scale_depth=1.4, dim_model_base=16).__get__),
    Case("chatglm", seed=12, vocabulary_type=GlmVocabulary, pre="chatglm-bpe", tokenizer=files.byte_pairs, model=by_hand(
        "ChatGLMModel", "chatglm", chatglm, padded_vocab_size=..., num_layers=2, num_hidden_layers=..., multi_query_group_num=2, ffn_hidden_size=64, seq_length=512, kv_channels=8,
        layernorm_epsilon=1e-5, rope_ratio=500).__get__),
    Case("glm", seed=13, vocabulary_type=GlmVocabulary, pre="chatglm-bpe", tokenizer=files.byte_pairs, model=of_class("Glm", head_dim=8, pad_token_id=0).__get__),
    Case("glm4", seed=14, vocabulary_type=GlmVocabulary, pre="glm4", tokenizer=files.byte_pairs, model=of_class("Glm4", head_dim=8, pad_token_id=0).__get__),
    Case("gemma2", seed=15, dtype=torch.bfloat16, model=of_class("Gemma2", head_dim=16, pad_token_id=0, tie_word_embeddings=True, sliding_window=64).__get__),
    Case("gemma3", seed=16, dtype=torch.bfloat16, model=of_class("Gemma3", config_name="Gemma3Text", head_dim=16, pad_token_id=0, tie_word_embeddings=True, sliding_window=64).__get__),
    Case("gemma3-linear", seed=20, dtype=torch.bfloat16, model=of_class(
        "Gemma3", config_name="Gemma3Text", head_dim=16, pad_token_id=0, tie_word_embeddings=True, rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}).__get__),
    Case("t5", seed=17, vocabulary_type=T5Vocabulary, tokenizer=files.unigram, model=t5.__get__),
]


def main(names):
    for case in CASES:
        if names and case.name not in names:
            continue
        folder = HERE / case.name
        shutil.rmtree(folder, ignore_errors=True)
        case.model = case.model(case)
        case.make(folder)
        print(case.name, sum(f.stat().st_size for f in folder.iterdir()) // 1024, "KB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
