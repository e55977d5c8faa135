"""Goldens of mPLUG-Owl 1 from the authors' modules with random weights. See README.md."""
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import torch
import transformers

import gguf_files
import model as owl
import preprocess
import reference
from golden_case import GoldenCase, main
from vocabulary import SentencePieceVocabulary

VISION = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, layer_norm_eps=1e-6)
ABSTRACTOR = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, layer_norm_eps=1e-6)
QUERIES = 16
# mPLUG-Owl/README.md
CHAT = ("The following is a conversation between a curious human and AI assistant. The assistant gives helpful, detailed, and polite answers to the user's "
        "questions.\nHuman: " + reference.MEDIA + "\nHuman: {}\nAI: ")
NAMES = [("vision_tower.embeddings.cls_token", "v.class_embd"), ("vision_tower.embeddings.patch_embed", "v.patch_embd"),
         ("vision_tower.embeddings.position_embedding", "v.position_embd.weight"), ("vision_tower.embeddings.pre_layernorm", "v.pre_ln"),
         ("vision_tower.encoder.layers", "v.blk"), ("vision_tower.post_layernorm", "v.post_ln"), ("input_layernorm", "ln1"), ("post_attention_layernorm", "ln2"),
         ("self_attn.dense", "attn_out"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down"), ("abstractor.visual_fc", "mm.0"), ("abstractor.vit_eos", "v.image_end"),
         ("abstractor.encoder.layers", "abstractor.blk"), ("crossattention.", ""), ("attention.query", "attn_q"), ("attention.key", "attn_k"), ("attention.value", "attn_v"),
         ("output.out_proj", "attn_out"), ("output.norm2", "norm2"), ("normk", "norm_k"), ("output.mlp.w1", "ffn_gate"), ("output.mlp.w3", "ffn_up"),
         ("output.mlp.w2", "ffn_down"), ("output.mlp.ffn_ln_norm", "ffn_norm"), ("query_tokens", "abstractor.query")]


def apart(tensor, heads):
    """A head's three parts side by side -> all queries, all keys, all values."""
    return tensor.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)


class MplugOwlCase(GoldenCase):
    name, seed, vocabulary_type, image_size, patch_size = "mplug-owl", 401, SentencePieceVocabulary, 56, 14
    about = "mPLUG-Owl 1: CLIP tower with its class token and last norm, visual abstractor, an embedding at the end; LLaMA"
    prompts = {"raw": reference.MEDIA + "\n{}", "chat": CHAT}
    picture_names = ("native", "tall", "small", "shapes", "dark", "wide")
    largest_pixels, abstractor = 60_000, ABSTRACTOR

    def config(self, vision, text):
        self.vision = types.SimpleNamespace(**VISION, image_size=self.image_size, patch_size=self.patch_size)
        return lambda made: owl.MplugOwl(*made), (self.vision, types.SimpleNamespace(**ABSTRACTOR), QUERIES, transformers.LlamaConfig(**text, attn_implementation="eager"))

    def prepare(self, image):
        """MplugOwlProcessor: resize((size, size), 3), which is bicubic; then CLIP's processor, which finds nothing to crop."""
        return {"original": preprocess.normalise(preprocess.resize(image, (self.image_size, self.image_size)))[None]}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        features = self.model.model.vision_tower(torch.from_numpy(pixels))
        return features, self.model.project(features).flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        embedded = self.model.get_input_embeddings()(ids)[0].clone()
        embedded[ids[0] == self.placeholder] = torch.cat([self.encode(part, None)[1] for part in pixels])
        return self.model.lm_head(self.model.model.language_model(inputs_embeds=embedded[None]).last_hidden_state[0, -1])

    def export(self, folder):
        tensors = {}
        for name, tensor in self.model.state_dict().items():
            if "language_model" in name or name.startswith("lm_head"):
                continue
            name = gguf_files.rename(NAMES, name.removeprefix("model."))
            if "query_key_value" in name:
                for part, own in zip("qkv", apart(tensor, VISION["num_attention_heads"]).chunk(3)):
                    tensors[name.replace("self_attn.query_key_value", f"attn_{part}")] = own
            else:
                tensors[name] = tensor.squeeze() if name in ("v.class_embd", "v.position_embd.weight", "v.image_end", "abstractor.query") else tensor
        keys = {"clip.projector_type": "abstractor", "clip.use_gelu": False, "clip.vision.block_count": VISION["num_hidden_layers"], "clip.vision.projection_dim": 64,
                "clip.vision.projector.head_count": ABSTRACTOR["num_attention_heads"]}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", self.vision, tensors, keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD,
                                full=["v.position_embd.weight", "abstractor.query"])
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary)
        return {}


if __name__ == "__main__":
    main([MplugOwlCase()], HERE, sys.argv[1:])
