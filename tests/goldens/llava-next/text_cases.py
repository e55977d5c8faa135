"""LLaVA-NeXT on Llama 3 and Qwen 1.5 (LLaVA-VL/LLaVA-NeXT): as LLaVA-1.6 but for the language model, its vocabulary and the wording."""
import reference
import transformers
from next_cases import LlavaNext
from vocabulary import CHATML, BytePairVocabulary, QwenVocabulary

# llava/conversation.py, conv_llava_llama_3: the language model's own template with this system sentence.
LLAMA_3 = ("<|start_header_id|>system<|end_header_id|>\n\nYou are a helpful language and vision assistant. You are able to understand the visual content that the user "
           "provides, and assist the user with a variety of tasks using natural language.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
           "<|start_header_id|>assistant<|end_header_id|>\n\n")


class Llama3Vocabulary(BytePairVocabulary):
    specials = [*BytePairVocabulary.specials, "<|start_header_id|>", "<|end_header_id|>", "<image>"]
    eos_text, placeholder_text = "<|eot_id|>", "<image>"


class QwenChatVocabulary(QwenVocabulary):
    """Qwen 1.5: the file names no start token that prompts begin with."""
    specials = ["<|endoftext|>", *CHATML, "<image>"]


class LlavaNextLlama3(LlavaNext):
    name, seed, vocabulary_type, largest_pixels = "llava-next-llama3", 45, Llama3Vocabulary, 60_000
    about = "LLaVA-NeXT on Llama 3: byte-level BPE, a start token, the authors' system sentence"
    picture_names, prompts = ("shapes", "tall", "dark"), reference.wordings(chat=LLAMA_3)

    def files(self):
        return super().files()[:1]


class LlavaNextQwen(LlavaNextLlama3):
    name, seed, vocabulary_type = "llava-next-qwen", 46, QwenChatVocabulary
    about = "LLaVA-NeXT on Qwen 1.5: no start token, biases on q, k and v"
    prompts = reference.wordings(chat=reference.QWEN)

    def config(self, vision, text):
        build, config = super().config(vision, text)
        config.text_config = transformers.Qwen2Config(**text, attn_implementation="eager")
        return build, config
