#!/usr/bin/env python3
"""Writes decompositions.txt: what each character beyond ASCII leaves of itself once it is decomposed (NFD) and has lost its marks (Mn), where
that is not itself. .NET cannot tell in the invariant mode that the programs run in. Hangul is arithmetic and not in it."""
import os
import sys
import unicodedata

HANGUL = range(0xAC00, 0xD7A4)


def bare(letter):
    return "".join(part for part in unicodedata.normalize("NFD", letter) if unicodedata.category(part) != "Mn")


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "decompositions.txt"), "w", encoding="utf-8", newline="\n") as file:
    for code in range(0x80, sys.maxunicode + 1):
        if code in HANGUL or 0xD800 <= code < 0xE000 or unicodedata.category(chr(code)) == "Mn":
            continue
        if bare(chr(code)) != chr(code):
            file.write(f"{code:X} {' '.join(f'{ord(part):X}' for part in bare(chr(code)))}\n")
