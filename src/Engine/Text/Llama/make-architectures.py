#!/usr/bin/env python3
"""Rewrites the lower part of architectures.txt from llama.cpp's source: make-architectures.py LLAMA_CPP_FOLDER.

It takes what can be read off without running anything: assertions of the loaders and graphs over the numbers of a model's file, which
architectures read a number for each block, which rotate positions and how, and which want queries as wide as an embedding. What it
does not understand it leaves out: the trial in a process of its own is there for that.
"""
import os
import re
import sys
from collections import defaultdict

MARK = "# From here on written by make-architectures.py; what is above stays.\n"
KEYS = {
    "n_embd": "embedding_length", "n_rot": "rope.dimension_count", "n_expert": "expert_count", "n_expert_used": "expert_used_count",
    "d_inner": "ssm.inner_size", "d_state": "ssm.state_size", "n_group": "ssm.group_count", "dt_rank": "ssm.time_step_rank",
    "hparams.n_embd_head_k()": "attention.key_length", "hparams.n_embd_head_v()": "attention.value_length",
    "hparams.n_rot()": "rope.dimension_count", "hparams.n_expert": "expert_count", "hparams.n_expert_used()": "expert_used_count",
    "hparams.n_embd": "embedding_length", "n_embd_head_k": "attention.key_length", "n_embd_head_v": "attention.value_length",
    "hparams.n_group_experts": "experts_per_group", "hparams.n_shortconv_l_cache": "shortconv.l_cache",
    "hparams.indexer_block_size": "attention.indexer.block_size", "num_v_heads": "ssm.time_step_rank", "num_k_heads": "ssm.group_count",
}


def read(folder, name):
    with open(os.path.join(folder, "src", name), encoding="utf-8") as file:
        return re.sub(r"//[^\n]*", "", file.read())


def functions(text):
    """Names and bodies of the functions at the outermost level."""
    for match in re.finditer(r"^[\w:<>,*& ]*?(llama_model_\w+(?:::\w+(?:<\w+>)?)+)\s*\(", text, re.M):
        start = text.find("{", match.end())
        depth, end = 0, start
        while end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
            if depth == 0:
                break
        yield match.group(1), text[start:end]


def is_unconditional(body, position):
    """Whether a place in a function is reached whatever the file says, but for the number of blocks."""
    stack, begin = [], 0
    for index in range(position):
        if body[index] == "{":
            stack.append(body[begin:index].strip())
            begin = index + 1
        elif body[index] == "}":
            stack.pop()
            begin = index + 1
        elif body[index] == ";":
            begin = index + 1
    return all(opener == "" or opener.startswith("for (int i") or ";" in opener or opener.endswith("n_layer_all") for opener in stack[1:])


def rule_of(condition, body):
    condition = re.sub(r'&&\s*"[^"]*"', "", condition).strip()
    keys = dict(KEYS)
    head = re.search(r"n_embd_head\s*=\s*hparams\.n_embd_head_([kv])\(\)", body)
    if head:
        keys["n_embd_head"] = f"attention.{'key' if head.group(1) == 'k' else 'value'}_length"
    words = re.findall(r"hparams\.\w+(?:\(\))?|\w+|==|!=|<=|>=|&&|\|\||[-+*/%<>()]", condition)
    if "".join(words) != re.sub(r"\s", "", condition):
        return None
    rule = []
    for word in words:
        if word in keys:
            rule.append(keys[word])
        elif word in ("&&", "||"):
            rule.append("and" if word == "&&" else "or")
        elif re.fullmatch(r"\d+|==|!=|<=|>=|[-+*/%<>()]", word):
            rule.append(word)
        else:
            return None
    # A number that stands for a truth.
    return re.sub(r"^(\S+) and (\S+)$", r"\1 > 0 and \2 > 0", " ".join(rule))


def main(folder, table):
    names = dict(re.findall(r"\{\s*(LLM_ARCH_\w+),\s*\"([^\"]+)\"", read(folder, "llama-arch.cpp")))
    model = read(folder, "llama-model.cpp")
    classes = defaultdict(list)  # the class of a model: its architectures
    pending = []
    for line in model.split("\n"):
        if match := re.match(r"\s*case (LLM_ARCH_\w+):", line):
            pending.append(match.group(1))
        if match := re.search(r"return new (llama_model_\w+)\(", line):
            classes[match.group(1)] += [names[arch] for arch in pending if arch in names]
        if "return" in line or "break" in line:
            pending = []
    rules, varying = defaultdict(set), defaultdict(set)
    folder_of_models = os.path.join(folder, "src", "models")
    bodies, graphs = {}, defaultdict(list)
    parents, borrowed, owner = {}, {}, ""  # classes without a loader or graph of their own
    for line in read(folder, "models/models.h").split("\n"):
        if match := re.match(r"struct (llama_model_\w+) : public (llama_model_\w+)", line):
            owner, parents[match.group(1)] = match.groups()
        if match := re.search(r"using graph = (llama_model_\w+::graph)", line):
            borrowed[owner] = match.group(1)

    def body_of(owner, name):
        while f"{owner}::{name}" not in bodies and owner in parents:
            owner = parents[owner]
        return bodies.get(f"{owner}::{name}", "")

    for name in sorted(os.listdir(folder_of_models)):
        if not name.endswith(".cpp"):
            continue
        text = read(folder, f"models/{name}")
        for function, body in functions(text):
            bodies[function] = body
            owner = function.split("::")[0]
            if function.endswith("build_arch_graph"):
                for graph in re.findall(r"make_unique<((?:llama_model_\w+::)?graph(?:<\w+>)?)>", body):
                    graphs[owner].append(graph if "::" in graph else f"{owner}::{graph}")
    for owner, architectures in classes.items():
        own = [body_of(owner, "load_arch_hparams"), body_of(owner, "load_arch_tensors")]
        for key, sign in {"attention.head_count_kv": r"n_head_kv\(i|n_embd_[kv]_gqa\(i", "attention.head_count": r"n_head\(i",
                          "feed_forward_length": r"n_ff\(i"}.items():
            if re.search(sign, "".join(own)):
                varying[key].update(architectures)
        built = {re.sub("<.*", "", graph) for graph in graphs[owner] or [borrowed.get(owner, f"{owner}::graph")]}
        built = {borrowed.get(graph.split("::")[0], graph) for graph in built}
        # Which of several graphs is built depends; those of one template say the same.
        shared = [bodies.get(f"{graph}::graph", "") for graph in built] if len(built) == 1 else []
        for body in own + shared:
            for match in re.finditer(r"GGML_ASSERT\((.*?)\);", body):
                rule = rule_of(match.group(1), body) if is_unconditional(body, match.start()) else None
                if rule:
                    rules[rule].update(architectures)
        if re.search(r"create_tensor_qkv\(layer, \w+, n_embd, n_embd, ", own[1]):
            rules["attention.head_count == 0 or attention.head_count * attention.key_length == embedding_length"].update(architectures)
    rope = model[model.index("llama_rope_type llama_model_rope_type"):]
    kinds, pending = {}, []
    for line in rope.split("\n"):
        if match := re.match(r"\s*case (LLM_ARCH_\w+):", line):
            pending.append(match.group(1))
        if match := re.search(r"return (?:.*\? )?LLAMA_ROPE_TYPE_(\w+)", line):
            kinds.update({names[arch]: match.group(1) for arch in pending if arch in names})
            pending = []
        if line.startswith("}"):
            break
    none = sorted(name for name, kind in kinds.items() if kind == "NONE" and name != "(unknown)")
    several = sorted(name for name, kind in kinds.items() if kind in ("MROPE", "IMROPE"))
    lines = [f"rule * {' '.join('-' + name for name in none)} : attention.head_count == 0 or rope.dimension_count > 0",
             f"rule * {' '.join('-' + name for name in none)} : rope.dimension_count <= attention.key_length",
             f"rule * {' '.join('-' + name for name in none)} : rope.dimension_count_swa > 0",
             f"rule * {' '.join('-' + name for name in none)} : rope.dimension_count_swa <= attention.key_length_swa"]
    optional = {"glm4", "glm4moe", "hunyuan_vl", "dflash"}  # several axes only where the file says so
    lines.append(f"rule {' '.join(name for name in several if name not in optional)} : rope.dimension_sections.sum > 0")
    lines += [f"rule {' '.join(sorted(of))} : {rule}" for rule, of in sorted(rules.items()) if of]
    varying["attention.head_count"] |= varying["attention.head_count_kv"]  # none of the one is none of the other
    lines += [f"varies {' '.join(sorted(of))} : {key}" for key, of in sorted(varying.items()) if of]
    with open(table, encoding="utf-8") as file:
        kept = file.read().split(MARK)[0]
    with open(table, "w", encoding="utf-8", newline="\n") as file:
        file.write(kept + MARK + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], os.path.join(os.path.dirname(os.path.abspath(__file__)), "architectures.txt"))
