"""Goldens of MiniGPT-4 and MiniGPT-v2 from the authors' code with random weights. See README.md."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "common"), str(HERE)]

import torch
import transformers
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel

import gguf_files
import preprocess
from golden_case import GoldenCase, main
from model import MiniGpt, VisionTransformer
from qformer_case import QFORMER, stretch
from reference import MEDIA, WHOLE
from vocabulary import SentencePieceVocabulary

WIDTH, HEADS, HIDDEN, DEPTH = 176, 2, 112, 2
FORMER = dict(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96, encoder_hidden_size=WIDTH, attn_implementation="eager")
SYSTEM = "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. Please answer my questions."
TOWER = [("cls_token", "v.class_embd"), ("pos_embed", "v.position_embd.weight"), ("patch_embed.proj", "v.patch_embd"), ("blocks.", "v.blk."), ("norm1", "ln1"), ("norm2", "ln2"),
         ("attn.proj", "attn_out"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]


class LlamaVocabulary(SentencePieceVocabulary):
    """<s> in a text is the start token, beside the one that every prompt begins with (LlamaTokenizer, use_fast=False)."""
    def encode(self, text):
        return [i for part in re.split("(<s>)", text) if part for i in ([self.bos] if part == "<s>" else self._processor.encode(part))]


class MiniGptCase(GoldenCase):
    vocabulary_type, picture_names = LlamaVocabulary, ("native", "tall", "wide", "shapes", "dark")
    has_qformer, has_norm, factor, wording = False, False, 1, "llama2"

    def config(self, vision, text):
        side = self.image_size // self.patch_size
        def build(_):
            tower = VisionTransformer(WIDTH, DEPTH, HEADS, HIDDEN, self.patch_size, side // self.factor, side)
            former = Blip2QFormerModel(transformers.Blip2QFormerConfig(**FORMER)) if self.has_qformer else None
            language = transformers.LlamaForCausalLM(transformers.LlamaConfig(**text, attn_implementation="eager"))
            return MiniGpt(tower, former, 8, language, self.has_norm)
        return build, None

    def build(self):
        model = super().build()
        if not self.has_norm:                    # nothing loads it: it keeps what it is made with
            with torch.no_grad():
                model.ln_vision.weight.fill_(1)
                model.ln_vision.bias.fill_(0)
        return model

    def surroundings(self, picture, index):
        return ["<Img>", WHOLE, "</Img>"]

    def prepare(self, image):
        return {"original": stretch(image, self.image_size)}, {}

    @torch.no_grad()
    def encode(self, pixels, image):
        features, rows = self.model.encode_img(torch.from_numpy(pixels))
        return features, rows.flatten(0, 1)

    def class_logits(self, ids, pixels, images):
        """get_context_emb: the pieces' embeddings and the pictures' in turn."""
        embedded = self.model.get_input_embeddings()(ids)[0].clone()
        embedded[ids[0] == self.placeholder] = torch.cat([self.encode(part, image)[1] for part, image in zip(pixels, images)])
        return self.model.llama_model(inputs_embeds=embedded[None]).logits[0, -1]

    def vision_tensors(self):
        tensors = {}
        for name, tensor in self.model.visual_encoder.state_dict().items():
            if name.startswith(f"blocks.{DEPTH}.") or name.endswith(("q_bias", "v_bias", "qkv.weight")):
                continue
            tensor = self.model.visual_encoder.positions() if name == "pos_embed" else tensor
            tensors[gguf_files.rename(TOWER, name)] = tensor.reshape(-1, WIDTH) if name == "pos_embed" else tensor.reshape(-1) if name == "cls_token" else tensor
        for block in range(DEPTH):
            attention = self.model.visual_encoder.blocks[block].attn
            for part, weight, bias in zip("qkv", attention.qkv.weight.chunk(3), (attention.q_bias, torch.zeros(WIDTH), attention.v_bias)):
                tensors[f"v.blk.{block}.attn_{part}.weight"], tensors[f"v.blk.{block}.attn_{part}.bias"] = weight, bias
        tensors["v.post_ln.weight"], tensors["v.post_ln.bias"] = self.model.ln_vision.weight, self.model.ln_vision.bias
        tensors["mm.0.weight"], tensors["mm.0.bias"] = self.model.llama_proj.weight, self.model.llama_proj.bias
        if self.has_qformer:
            tensors["qformer.query"] = self.model.query_tokens[0]
            tensors.update({gguf_files.rename(QFORMER, "qformer." + name): tensor for name, tensor in self.model.Qformer.state_dict().items()})
        return tensors

    def export(self, folder):
        config = type("Vision", (), dict(image_size=self.image_size, patch_size=self.patch_size, hidden_size=WIDTH, intermediate_size=HIDDEN, num_attention_heads=HEADS,
                                         layer_norm_eps=1e-6))
        keys = {"clip.projector_type": "minigpt4", "clip.use_gelu": True, "clip.vision.block_count": DEPTH, "clip.vision.post_norm_epsilon": 1e-5,
                "clip.minigpt.wording": self.wording, **({"clip.qformer.attention.head_count": 2} if self.has_qformer else {})}
        gguf_files.write_vision(folder / "mmproj-f16.gguf", config, self.vision_tensors(), keys, preprocess.CLIP_MEAN, preprocess.CLIP_STD, full=["v.position_embd.weight"])
        state = {gguf_files.rename([("model.", "model.language_model.")], key) if key.startswith("model.") else key: tensor
                 for key, tensor in self.model.llama_model.state_dict().items()}
        gguf_files.write_language(folder / "language-f16.gguf", self.name, self.model, self.vocabulary, state=state)
        return {}


class Vicuna(MiniGptCase):
    name, seed, has_qformer, has_norm, wording = "minigpt4-vicuna", 321, True, True, "vicuna"
    about = "MiniGPT-4 with Vicuna: ViT-g, a norm with epsilon 1e-5, Q-Former, linear layer; ### between turns"
    prompts = {"raw": MEDIA + " {}", "chat": SYSTEM + "###Human: " + MEDIA + " {}###Assistant: "}


class Llama2(MiniGptCase):
    name, seed = "minigpt4-llama2", 322
    about = "MiniGPT-4 with Llama 2: four tokens side by side, a norm that nothing trained, <s> in the middle of the prompt"
    prompts = {"raw": MEDIA + " {}", "chat": SYSTEM + "<s>[INST] " + MEDIA + " {} [/INST] "}


class Version2(MiniGptCase):
    name, seed, image_size, factor, wording, largest_pixels = "minigpt-v2", 323, 112, 2, "v2", 60_000
    about = "MiniGPT-v2: twice the size with positions stretched (bicubic), two start tokens, task tags"
    prompts = {"raw": MEDIA + " {}", "chat": "<s>[INST] " + MEDIA + " [vqa] {} [/INST]"}


if __name__ == "__main__":
    main([Vicuna(), Llama2(), Version2()], HERE, sys.argv[1:])
