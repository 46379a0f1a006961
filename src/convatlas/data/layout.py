"""The layout of a folder: which of its folders are parts, train, val and test, which are classes, and which are neither."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ..errors import InputError, count_of, join_names
from ..files import missing_words
from .picture_file import holds_picture
from .walk import Walk, ending_of, is_folder, is_litter

PARTS = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "vali", "dev", "eval", "evaluation"),
    "test": ("test", "testing", "tst"),
}
_FILLING = frozenset("set data dataset split images image imgs img pictures photos".split())
_PART_WORDS = {word for words in PARTS.values() for word in words} | {"fold", "split", "part"}
_TABLES = frozenset({".csv", ".tsv", ".xls", ".xlsx", ".parquet", ".json", ".jsonl"})
_DEPTH = 4  # folders that a set is looked for in, one inside the other
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a folder; none of them where it is one tree of classes."""

    root: Path
    parts: dict[str, Path]  # those with class folders, by train, val and test
    unlabeled: dict[str, Path]  # those without
    beside: tuple[Path, ...]  # folders that are no part
    aliases: tuple[Path, ...]  # parts that lead to another part


def part_of(name: str) -> str | None:
    """Which part a folder's name means, in any letter case: `Training Set` is train; None for any other name."""
    words = [word for word in re.split(r"[\W_]+", name.casefold()) if word and word not in _FILLING]
    word = words[0] if len(words) == 1 else ""
    return next((part for part, names in PARTS.items() if word in names or word.removesuffix("set") in names), None)


def find_layout(root: Path) -> Layout:
    """The layout of a folder.

    Raises   InputError if it is none, or may not be read
    """
    if not root.is_dir():
        raise InputError(missing_words(root) if not root.exists() else f"{root} is a file; a folder of images is needed")
    names = list_folders(root)
    found = {part: root / best for part in PARTS if (best := best_name(part, names))}
    beside = tuple(root / name for name in names if root / name not in found.values())
    if beside and not any(list_folders(place) for place in found.values()):
        return Layout(root, {}, {}, (), ())  # "train" may as well be a class, beside planes and ships
    parts: dict[str, Path] = {}
    unlabeled: dict[str, Path] = {}
    aliases = []
    for part, place in found.items():
        if any(place.samefile(other) for other in (*parts.values(), *unlabeled.values())):
            aliases.append(place)
        elif part == "train" or list_folders(place):
            parts[part] = place
        else:
            unlabeled[part] = place
    return Layout(root, parts, unlabeled, beside, tuple(aliases))


def best_name(part: str, names: Sequence[str]) -> str | None:
    """The folder for a part: of several the one whose name is the most usual."""
    usual = PARTS[part]
    ranked = [(usual.index(name) if name in usual else len(usual), name) for name in names if part_of(name) == part]
    return min(ranked)[1] if ranked else None


def list_folders(root: Path) -> list[str]:
    """The names of the folders in a folder, in order, but for litter.

    Raises   InputError if it may not be read
    """
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if not is_litter(entry.name) and is_folder(entry))
    except OSError as error:
        raise InputError(f"cannot read {root}: {error.strerror or error}") from error


def set_below(root: Path, direct: set[str]) -> Path | None:
    """The folder further down that looks like the set: the only one there, with classes or parts in it; None without one.

    `direct` are folders with pictures of their own, which are none.
    """
    place = root
    for _ in range(_DEPTH):
        names = list_folders(place)
        for name in [name for name in names if place != root or name not in direct]:
            parts = find_layout(place / name).parts
            if "train" in parts and len(list_folders(parts["train"])) > 1:
                return place / name
        if len(names) != 1:
            return None
        place /= names[0]
        if len(list_folders(place)) > 1:
            return place
    return None


def check_are_classes(root: Path, classes: Sequence[str], direct: set[str]) -> tuple[str, ...]:
    """A note on classes that hold folders of the same names; `direct` are those with pictures of their own.

    Raises   InputError where these are classes themselves, or parts
    """
    inside = {name: {below.casefold(): below for below in list_folders(root / name)} for name in classes if name not in direct}
    holders = [name for name, below in inside.items() if len(below) > 1]
    for one, other in combinations(holders, 2):
        shared = sorted(inside[one][below] for below in inside[one].keys() & inside[other].keys())
        if len(shared) < 2 or len(shared) < min(len(inside[one]), len(inside[other])):
            continue
        if sum(part_of(name) is not None for name in shared) > 1:
            raise InputError(
                f"{root} has its parts inside its classes: {one} and {other} both hold {join_names(shared)}; put the parts "
                f"first, as {shared[0]}/{one} and {shared[0]}/{other}"
            )
        named_as_parts = set(re.findall(r"[a-z]+", f"{one} {other}".casefold())) & _PART_WORDS
        if named_as_parts or not any(character.isdigit() for name in shared for character in name if not is_wordnet(name)):
            first = other if "train" in other.casefold() else one
            raise InputError(
                f"{root / one} and {root / other} both hold {join_names(shared)}, so they are no classes but parts of one "
                f"set: call them train and val or test, or give one of them alone, --data {root / first}"
            )
        return (f"{one} and {other} are classes of {root}, though both hold {join_names(shared, _NAMED)}",)
    return ()


def is_wordnet(name: str) -> bool:
    """Whether a name is the number of a WordNet noun, as ImageNet calls its classes."""
    return re.fullmatch(r"n\d{8}", name) is not None


def count_pictures(place: Path) -> int:
    """How many pictures lie below a folder."""
    return sum(holds_picture(Path(path)) for path in Walk(place).files(place))


def beside_words(layout: Layout) -> tuple[str, ...]:
    """What lies beside the parts with pictures in it, and is not read."""
    counts = {place.name: count for place in layout.beside if (count := count_pictures(place))}
    words = [f"{name} ({count_of(count, 'image')})" for name, count in counts.items()]
    notes = (
        [f"{join_names(words)} beside {layout.parts['train']} is not read: train, val and test are the parts"] if words else []
    )
    notes += [f"{place} leads to another part and is not read" for place in layout.aliases]
    return tuple(notes)


def loose_words(root: Path, files: Sequence[str]) -> tuple[str, ...]:
    """What is said of files that lie in a folder beside its class folders or parts."""
    pictures = [name for name in files if holds_picture(root / name)]
    tables = [name for name in files if ending_of(name) in _TABLES]
    words = [f"{count_of(len(pictures), 'image')} of no class, directly in {root}, not used"] if pictures else []
    if tables:
        read = next((root / name for name in tables if ending_of(name) in (".csv", ".tsv")), None)
        remedy = f"; --data {read} reads the labels in it" if read else ""
        words.append(f"{join_names(tables, _NAMED)} in {root} not read: folders tell the classes{remedy}")
    return tuple(words)
