"""FLAN-T5 in a golden: a Unigram vocabulary, the answer token by token behind an encoder, and the language file."""
import gguf
import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2 as proto

import gguf_files

ENCODER_DECODER = dict(model_type="t5", d_model=64, d_kv=16, d_ff=96, num_layers=2, num_decoder_layers=2, num_heads=4, feed_forward_proj="gated-gelu",
                       tie_word_embeddings=False, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)


class T5Vocabulary:
    """Trained here: <pad>, </s>, <unk>, pieces with their log probabilities; every prompt ends with </s>."""
    model, pre, bos, eos, unknown, adds_bos, adds_eos = "t5", "default", None, 1, 2, False, True

    def __init__(self, corpus):
        import io
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus * 4), model_writer=out, vocab_size=200, model_type="unigram", pad_id=0,
                                                 eos_id=1, unk_id=2, bos_id=-1, num_threads=1, minloglevel=2)
        self._model = proto.ModelProto.FromString(out.getvalue())
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
        self.tokens = [piece.piece for piece in self._model.pieces]
        self.types = [3, 3, 2] + [1] * (len(self.tokens) - 3)
        self.silent_tokens, self.placeholder = [0, 1, 2], 0

    def encode(self, text):
        return self._processor.encode(text)

    def write(self, writer):
        normalizer = self._model.normalizer_spec
        writer.add_token_scores([piece.score for piece in self._model.pieces])
        writer.add_unk_token_id(self.unknown)
        writer.add_pad_token_id(0)
        writer.add_add_space_prefix(normalizer.add_dummy_prefix)
        writer.add_remove_extra_whitespaces(normalizer.remove_extra_whitespaces)
        if normalizer.precompiled_charsmap:
            writer.add_precompiled_charsmap(normalizer.precompiled_charsmap)


def untie(language):
    """The released models' head is their own (transformers 5 ties it in what it makes anew), and their activation the erf form."""
    language.lm_head.weight = torch.nn.Parameter(language.lm_head.weight.detach().clone())
    assert not language.config.scale_decoder_outputs
    return language


class Answer:
    """The steps of an answer: what reference.decode goes through."""

    def __init__(self, language, inputs):
        self.language = language
        self.encoded = language.encoder(inputs_embeds=inputs)
        self.cache = None

    def start(self):
        return self.next(self.language.config.decoder_start_token_id)

    def next(self, token):
        out = self.language(decoder_input_ids=torch.tensor([[token]]), encoder_outputs=self.encoded, past_key_values=self.cache, use_cache=True)
        self.cache = out.past_key_values
        return out.logits[0, -1]


class LibllamaGelu:
    """Within this block the gated activation is what libllama has, the tanh form: no token may depend on it."""

    def __init__(self, model):
        self.layers = [m for m in model.modules() if type(m).__name__ == "T5DenseGatedActDense"]

    def __enter__(self):
        self.kept = [layer.act for layer in self.layers]
        for layer in self.layers:
            layer.act = torch.nn.GELU(approximate="tanh")

    def __exit__(self, *_):
        for layer, act in zip(self.layers, self.kept):
            layer.act = act


NAMES = [("encoder.block.", "enc.blk."), ("decoder.block.", "dec.blk."), ("layer.0.SelfAttention.relative_attention_bias", "attn_rel_b"), ("layer.0.SelfAttention.", "attn_"),
         ("layer.1.EncDecAttention.", "cross_attn_"), ("layer.0.layer_norm", "attn_norm"), ("DenseReluDense.wi_0", "ffn_gate"), ("DenseReluDense.wi_1", "ffn_up"),
         ("DenseReluDense.wo", "ffn_down"), ("encoder.final_layer_norm", "enc.output_norm"), ("decoder.final_layer_norm", "dec.output_norm"), ("shared", "token_embd"),
         ("lm_head", "output")]


def rename(name):
    name = gguf_files.rename(NAMES, name)
    if name.startswith("enc.blk."):
        return name.replace("layer.1.layer_norm", "ffn_norm").replace("layer.1.", "")
    return name.replace("layer.1.layer_norm", "cross_attn_norm").replace("layer.2.layer_norm", "ffn_norm").replace("layer.2.", "")


def write_language(path, name, language, vocabulary):
    config = language.config
    writer = gguf.GGUFWriter(path, arch="t5")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for key, value in {"context_length": 512, "embedding_length": config.d_model, "feed_forward_length": config.d_ff, "block_count": config.num_layers,
                       "decoder_block_count": config.num_decoder_layers, "attention.head_count": config.num_heads, "attention.key_length": config.d_kv,
                       "attention.value_length": config.d_kv, "attention.relative_buckets_count": config.relative_attention_num_buckets,
                       "decoder_start_token_id": config.decoder_start_token_id}.items():
        writer.add_uint32(f"t5.{key}", value)
    for key in ("layer_norm_epsilon", "layer_norm_rms_epsilon"):
        writer.add_float32(f"t5.attention.{key}", config.layer_norm_epsilon)
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    vocabulary.write(writer)
    writer.add_eos_token_id(vocabulary.eos)
    for key, tensor in language.state_dict().items():
        if "embed_tokens" not in key:
            gguf_files._add(writer, rename(key), tensor)
    gguf_files._finish(writer)
