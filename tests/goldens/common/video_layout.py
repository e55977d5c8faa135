"""Prompts that show a video as the family's own code lays it out: token ids and counts of embeddings, for frames that are pictures of their own."""
import json

import reference


def entry(vocabulary, wording, size, indexes, parts, **facts):
    """parts: what stands for the video, as reference.lay_out takes it. A video's rows may begin anew with each frame, so only counts are kept."""
    prompt = wording.format(f"{reference.MEDIA}\nWhat is this?")
    spans = reference.lay_out(vocabulary, prompt, ["video"], lambda picture, index: parts)
    spans = [span if "ids" in span else {"count": span["count"]} for span in spans]
    return {**facts, "size": list(size), "indexes": indexes, "prompt": prompt, "spans": spans}


def write(path, entries):
    rows = ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in entries)
    path.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
