"""Which cell of a table's 70 each of n equal steps falls into, by torch itself: the places that differ from floor(70 i / n). See model.py."""
import json

import torch


def main(here):
    boundaries = torch.arange(1 / 70, 1.0, 1 / 70)
    different = {}
    for n in range(1, 1300):
        cells = torch.bucketize(torch.arange(0, 1 - 1e-6, 1 / torch.tensor(n)), boundaries, right=True).tolist()
        places = [[i, cell] for i, cell in enumerate(cells) if cell != 70 * i // n]
        if places:
            different[n] = places
    rows = ",\n".join(f'"{n}": {json.dumps(places, separators=(",", ":"))}' for n, places in different.items())
    (here / "buckets.json").write_text("{\n" + rows + "\n}\n")
