#!/bin/bash
# Fetches what generate.py and measure.py draw with, into .data/: fonts and a word list (Debian packages), emoji (an npm package).
# Root installs the packages; without root install them first: fonts-dejavu-core fonts-liberation fonts-open-sans
# fonts-roboto-unhinted wamerican-small. Pillow comes from python3-pil or pip.
set -euo pipefail
cd "$(dirname "$0")"
packages="fonts-dejavu-core fonts-liberation fonts-open-sans fonts-roboto-unhinted wamerican-small"
missing=$(for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || echo "$p"; done)
if [ -n "$missing" ]; then
  apt-get install -y --no-install-recommends $missing || { apt-get update; apt-get install -y --no-install-recommends $missing; }
fi
python3 -c 'import PIL' 2>/dev/null || pip install pillow || apt-get install -y python3-pil
mkdir -p .data/emoji
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack emoji-datasource-google@16.0.0 >/dev/null && tar xzf emoji-datasource-google-16.0.0.tgz package/emoji.json package/img/google/64)
python3 - "$work/package" <<'P'
import json, shutil, sys
image = {e["short_name"]: e["image"] for e in json.load(open(sys.argv[1] + "/emoji.json", encoding="utf-8"))}
for line in open("emoji.txt", encoding="utf-8"):
    if line[0] != "#":
        short = line.split(" ", 1)[0]
        shutil.copy(f"{sys.argv[1]}/img/google/64/{image[short]}", f".data/emoji/{short}.png")
P
ls .data/emoji | wc -l
