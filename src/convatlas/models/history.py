"""What a family's docstring says under its titles: papers, where the code differs from them and why, the small form, names."""

import re
import sys
from itertools import pairwise

from .variant import Variant, variant

TITLE = re.compile(r"^([A-Z][a-z]+) {2,}(?=\S)", re.MULTILINE)
WIDTH = 128  # columns that docstrings fill


def sections(name: str | Variant) -> dict[str, str]:
    """Title → words, in the docstring's order: Papers, Differs (from paper, first release or reference), Small, Names.

    One line per paragraph. Small is missing where a network is made for small images anyway.

    Raises   InputError with the nearest names if there is no such network
    """
    family = variant(name).family
    words = sys.modules[family.build.__module__].__doc__ or ""
    starts = [*TITLE.finditer(words)] if family.papers else []  # a network of the user's own may have any docstring
    ends = [*(start.start() for start in starts[1:]), len(words)][: len(starts)]
    return {start[1]: join_lines(words[start.start() : end]) for start, end in zip(starts, ends, strict=True)}


def join_lines(section: str) -> str:
    """Its lines as paragraphs: a new one begins after a line that ends a sentence and had room for the next word."""
    lines = section.strip().splitlines()
    text = TITLE.sub("", lines[0])
    for line, after in pairwise(lines):
        ended = line.endswith(".") and len(line) + 1 + len(after.split()[0]) <= WIDTH
        text += ("\n" if ended else " ") + after.strip()
    return text
