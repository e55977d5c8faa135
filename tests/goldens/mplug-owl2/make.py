"""Goldens of mPLUG-Owl2 from the authors' modules with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import torch

import gguf_files
import model as owl
import preprocess
import reference
from golden_case import GoldenCase, main
from vocabulary import SentencePieceVocabulary

VISION = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, layer_norm_eps=1e-6)
ABSTRACTOR = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_learnable_queries=7, layer_norm_eps=1e-6)
NAMES = [("model.vision_model.embeddings.", "v."), ("model.vision_model.encoder.layers", "v.blk"), ("model.vision_model.", "v."), ("model.visual_abstractor.", "abstractor."),
         ("cls_token", "class_embd"), ("patch_embed.", "patch_embd."), ("v.position_embedding", "v.position_embd.weight"), ("pre_layernorm", "pre_ln"),
         ("v.post_layernorm", "v.post_ln"), ("post_attention_layernorm", "ln2"), ("input_layernorm", "ln1"), ("self_attn.dense", "attn_out"),
         ("abstractor.visual_fc", "mm.0"), ("abstractor.vit_eos", "v.image_end"), ("abstractor.query_embeds", "abstractor.query"),
         ("abstractor.encoder.layers", "abstractor.blk"), ("crossattention.", ""), ("normk", "norm_k"), ("attention.q_pos_embed", "query_pos"),
         ("attention.k_pos_embed", "key_pos"), ("attention.query", "attn_q"), ("attention.key", "attn_k"), ("attention.value", "attn_v"),
         ("output.out_proj", "attn_out"), ("output.norm2", "norm2"), ("output.mlp.w1", "ffn_gate"), ("output.mlp.w3", "ffn_up"),
         ("output.mlp.ffn_ln", "ffn_norm"), ("output.mlp.w2", "ffn_down"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
# conversation.py, conv_mplug_owl2 (TWO_NO_SYS), and README.md: the picture begins the message.
CHAT = "USER: " + reference.MEDIA + "{} ASSISTANT:"


def apart(tensor, heads):
    """A head's query, key and value side by side, as all queries, all keys, all values."""
    return tensor.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)


def text_name(name):
    """docs/gguf.md: multiway.1 of norms, keys and values is the pictures'; "language_model" is what write_language knows them by."""
    if not name.startswith("model.layers."):
        return name if name.startswith("lm_head") else name.replace("model.", "model.language_model.", 1)
    block, rest = name.removeprefix("model.layers.").split(".", 1)
    return f"model.language_model.layers.{block}." + ("vis_" if ".multiway.1" in rest else "") + rest.replace(".multiway.0", "").replace(".multiway.1", "")


class MplugOwl2Case(GoldenCase):
    name, seed, vocabulary_type, image_size, patch_size = "mplug-owl2", 331, SentencePieceVocabulary, 56, 14
    about = "mPLUG-Owl2: CLIP with class token and last norm, abstractor with positions, an end embedding; norms, keys and values by modality"
    picture_names = ("native", "tall", "small", "shapes", "dark", "wide", "line")
    prompts = {"raw": reference.MEDIA + "{}", "chat": CHAT}
    largest_pixels = 60_000

    def config(self, vision, text):
        made = types.SimpleNamespace(**{**text, "rope_theta": 1e4},
                                     visual_model=types.SimpleNamespace(**VISION, image_size=self.image_size, patch_size=self.patch_size),
                                     visual_abstractor=types.SimpleNamespace(**ABSTRACTOR, grid_size=self.image_size // self.patch_size))
        return owl.MPLUGOwl2LlamaForCausalLM, made

    def build(self):
        model = super().build()
        with torch.no_grad():                            # so that attention chooses, and a picture reaches the logits
            for name, parameter in model.named_parameters():
                if "k_proj.multiway" in name or "vit_eos" in name or "visual_fc.weight" in name:
                    parameter.mul_(2)
            # The file keeps the tables in single precision, the checkpoint in half: so that both are the same.
            for name, buffer in model.named_buffers():
                buffer.copy_(buffer.half().float())
        config = model.config
        config.text_config = types.SimpleNamespace(
            model_type="mplug_owl2", vocab_size=config.vocab_size, hidden_size=config.hidden_size, num_hidden_layers=config.num_hidden_layers,
            intermediate_size=config.intermediate_size, num_attention_heads=config.num_attention_heads, num_key_value_heads=config.num_key_value_heads,
            max_position_embeddings=config.max_position_embeddings, rms_norm_eps=config.rms_norm_eps, rope_parameters={"rope_theta": config.rope_theta})
        return model

    def prepare(self, image):
        """process_images: to a square of the longer side, then CLIP's processor, which has nothing left to crop."""
        side = max(image.size)
        square = preprocess.resize(image, (side, side))
        return {"original": preprocess.normalise(preprocess.resize(square, (self.image_size, self.image_size)))[None]}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        features = self.model.model.vision_model(torch.from_numpy(pixels))
        return features, self.model.model.visual_abstractor(features).flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        inputs = self.model.get_input_embeddings()(ids[0]).clone()
        inputs[ids[0] == self.placeholder] = torch.cat([self.encode(part, None)[1] for part in pixels])
        x, _ = self.model.model(inputs[None], (ids == self.placeholder).long())
        return self.model.lm_head(x[0, -1])

    def export(self, folder):
        tensors, state = {}, {}
        for name, tensor in self.model.state_dict().items():
            if "vision_model" not in name and "visual_abstractor" not in name:
                rows = tensor.shape[0] // (self.model.config.hidden_size // self.model.config.num_attention_heads)
                state[text_name(name)] = gguf_files._interleave(tensor, rows) if "q_proj" in name or "k_proj" in name else tensor
                continue
            name = gguf_files.rename(NAMES, name)
            if "query_key_value" in name:
                for part, own in zip("qkv", apart(tensor, VISION["num_attention_heads"]).chunk(3)):
                    tensors[name.replace("self_attn.query_key_value", f"attn_{part}")] = own
            else:
                tensors[name] = tensor.squeeze() if name in ("v.class_embd", "v.position_embd.weight", "v.image_end", "abstractor.query") else tensor
        keys = {"clip.projector_type": "mplug_owl2", "clip.use_gelu": False, "clip.vision.block_count": VISION["num_hidden_layers"],
                "clip.vision.projection_dim": 64, "clip.vision.projector.head_count": ABSTRACTOR["num_attention_heads"]}
        vision = types.SimpleNamespace(**vars(self.model.config.visual_model))
        gguf_files.write_vision(folder / "mmproj-f16.gguf", vision, tensors, keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD,
                                full=["v.position_embd.weight", "abstractor.query"])
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, state=state)
        return {}


if __name__ == "__main__":
    main([MplugOwl2Case()], HERE, sys.argv[1:])
