"""How many of a folder's photographs an ImageNet network names rightly, whatever part of the 1000 classes the folder has."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data import Streamed
from ..data.decode import Files, broken_warning
from ..data.folder import part
from ..errors import InputError, unknown
from .network import Reader

WORDNET = re.compile(r"n\d{8}")


def photographs(reader: Reader, root: Path, split: str) -> tuple[Streamed, tuple[str, ...]]:
    """A part of a folder, every photograph of it, labelled by the network's classes; and what was left out of it.

    Raises   InputError if the folder has no such part, or its classes are none of the network's
    """
    tree = part(root, split)
    numbers = np.array(numbered(tree.classes, reader.classes, root), np.int64)
    files = Files(tree.root, list(tree.names), numbers[tree.labels])
    files.remove_broken(root.name)
    images = files.streamed(reader.looks.channels, reader.looks.side, strict=False, frame=reader.looks.frame)
    return images, broken_warning([files], strict=False)


def numbered(folders: Sequence[str], classes: Sequence[str], root: Path) -> list[int]:
    """Which class each folder holds: by its number, by its name, or by its place if there is a folder for every class.

    Raises   InputError if it can be told in none of these ways
    """
    if all(name.isdecimal() and int(name) < len(classes) for name in folders):
        return [int(name) for name in folders]
    by_name = {write(name): i for write in (plain, str) for i, name in enumerate(classes)}  # a Cardigan is a dog
    found = {name: by_name.get(name, by_name.get(plain(name))) for name in folders}
    numbers = [number for number in found.values() if number is not None]
    if len(numbers) == len(folders):
        return numbers
    if len(folders) == len(classes):
        return list(range(len(classes)))
    strange = next(name for name, number in found.items() if number is None)
    if WORDNET.fullmatch(strange):
        raise InputError(
            f"{root} has {len(folders)} folders such as {strange}: WordNet's numbers tell the class only if all {len(classes)} "
            "are there, in their order; give the folders the names of their classes, or their numbers from 0"
        )
    raise unknown(f"class of {root}", strange, classes, "Folders need the network's names, its numbers from 0, or all of them.")


def plain(name: str) -> str:
    """A name without what file systems and habits change: case, spaces, underscores, apostrophes."""
    return re.sub(r"[\W_]+", " ", name.replace("'", "")).strip().casefold()
