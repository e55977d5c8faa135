"""What goldens of BLIP-2 and its kin share: the picture, the tower, the Q-Former, their names in the projector's file."""
import numpy as np
import torch

import flan_t5
import gguf_files
import preprocess
from golden_case import GoldenCase

# Head sizes that no kernel's vectors divide; a picture is 17 tokens for the Q-Former, which looks at them in blocks 0 and 2.
VISION = dict(hidden_size=80, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4, image_size=56, patch_size=14, attn_implementation="eager")
FORMER = dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64, vocab_size=50, attn_implementation="eager")
TOWER = [("vision_model.embeddings.class_embedding", "v.class_embd"), ("vision_model.embeddings.position_embedding", "v.position_embd.weight"),
         ("vision_model.embeddings.patch_embedding", "v.patch_embd"), ("vision_model.post_layernorm", "v.post_ln"), ("vision_model.encoder.layers", "v.blk"),
         ("self_attn.qkv", "attn_qkv"), ("self_attn.projection", "attn_out"), ("layer_norm", "ln"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
QFORMER = [("qformer.embeddings.layernorm", "qformer.norm"), ("qformer.embeddings.word_embeddings", "qformer.tok_embd"),
           ("qformer.embeddings.position_embeddings", "qformer.pos_embd"), ("qformer.layernorm", "qformer.norm"), ("qformer.encoder.layer", "qformer.blk"),
           ("crossattention.attention.", "xattn_"), ("crossattention.output.dense", "xattn_out"), ("crossattention.output.LayerNorm", "xattn_out_norm"),
           ("attention.attention.", "attn_"), ("attention.output.dense", "attn_out"), ("attention.output.LayerNorm", "attn_out_norm"), ("attn_query", "attn_q"),
           ("attn_key", "attn_k"), ("attn_value", "attn_v"), ("intermediate_query.dense", "ffn_q_up"), ("output_query.dense", "ffn_q_down"),
           ("output_query.LayerNorm", "ffn_q_norm"), ("intermediate.dense", "ffn_up"), ("output.dense", "ffn_down"), ("output.LayerNorm", "ffn_norm"),
           ("language_projection", "mm.0"), ("query_tokens", "qformer.query")]
FIXED = ("v.class_embd", "v.position_embd.weight", "qformer.query")           # with dimensions of one in front


class EncoderDecoder:
    """What the shared scripts ask of a model whose language model is a T5."""
    @property
    def lm_head(self):
        return self.language_model.lm_head

    def answer(self, inputs):
        return flan_t5.Answer(self.language_model, inputs)

    def roundings(self):
        return flan_t5.LibllamaGelu(self)


def stretch(image, size):
    """transformers' processor on Pillow, which gives the pixels of salesforce/LAVIS, BlipImageEvalProcessor."""
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
    pixels = preprocess.normalise(preprocess.resize(image, (size, size)))[None]
    with preprocess.horizontal_first():
        theirs = np.stack(BlipImageProcessorPil(size={"height": size, "width": size})(image)["pixel_values"])
    assert np.array_equal(theirs.astype(np.float32), pixels), "the processor's pixels differ"
    return pixels


# In the layout of LAVIS no file tells the heads: 88 wide in the tower, 64 in the Q-Former; its norm behind the tower has torch's epsilon.
LAVIS_VISION = dict(VISION, hidden_size=176, num_attention_heads=2, num_hidden_layers=2)
LAVIS_FORMER = dict(FORMER, hidden_size=128, num_attention_heads=2)
LAVIS_EPSILON = 1e-5


class QFormerCase(GoldenCase):
    picture_names = ("native", "wide", "tall", "small", "shapes", "dark")
    language, tower, former, norm_epsilon = "t5", VISION, FORMER, None

    def adapt(self, model):
        if self.norm_epsilon:
            model.vision_model.post_layernorm.eps = self.norm_epsilon
        if self.language == "t5":
            model.language_model.config.decoder_start_token_id = 0
            flan_t5.untie(model.language_model)
        return model

    def text_config(self, text):
        return dict(flan_t5.ENCODER_DECODER, vocab_size=text["vocab_size"]) if self.language == "t5" else dict(text, model_type="llama", attn_implementation="eager")

    def prepare(self, image):
        return {"original": stretch(image, self.image_size)}, {}

    def vision_tensors(self):
        state = {name: tensor for name, tensor in self.model.state_dict().items() if not name.startswith("language_model.") and "position_ids" not in name}
        named = {gguf_files.rename(TOWER if name.startswith("vision_model.") else QFORMER, name): tensor for name, tensor in state.items()}
        return {name: tensor.reshape(tensor.shape[-2:] if name != "v.class_embd" else tensor.shape[-1:]) if name in FIXED else tensor for name, tensor in named.items()}

    def keys(self):
        more = {"clip.vision.post_norm_epsilon": self.norm_epsilon} if self.norm_epsilon else {}
        return {"clip.projector_type": "qformer", "clip.use_gelu": True, "clip.vision.block_count": self.tower["num_hidden_layers"],
                "clip.qformer.attention.head_count": self.former["num_attention_heads"], "clip.vision.projector.language": self.language, **more}

    def export(self, folder):
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.model.config.vision_config, self.vision_tensors(), self.keys(), preprocess.CLIP_MEAN, preprocess.CLIP_STD,
                                full=["v.position_embd.weight"])
        language, path = self.model.language_model, folder / "language-f16.gguf"
        if self.language == "t5":
            flan_t5.write_language(path, self.name, language, self.vocabulary)
        else:
            state = {gguf_files.rename([("model.", "model.language_model.")], key) if key.startswith("model.") else key: tensor for key, tensor in language.state_dict().items()}
            gguf_files.write_language(path, self.name, self.model, self.vocabulary, state=state)
        return {}
