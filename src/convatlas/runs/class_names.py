"""The names of classes where no data set brings them."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, count_of, join_names, unknown_name
from ..weights import classes as imagenet_classes
from ..weights.checkpoints import wordnet_ids

WORDNET = re.compile(r"n\d{8}(?!\d)")
_NAMED = 5


def number_classes(count: int) -> tuple[str, ...]:
    """Names for classes of which nothing but their number is known."""
    return tuple(f"class {i}" for i in range(count))


def read_classes(path: Path, count: int) -> tuple[str, ...]:
    """The classes that a file names, one per line.

    Raises   InputError if it cannot be read or has another number of lines
    """
    try:
        names = tuple(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--classes needs a text file with one name per line, but {path} cannot be read ({error})") from None
    if len(names) != count:
        raise InputError(f"--classes needs one line for each of the {count} classes, but {path} has {len(names)}")
    return names


def class_numbers(folders: Sequence[str], classes: Sequence[str], root: Path) -> list[int]:
    """Which class each folder holds: by its number, its WordNet id, its name, or its place if there is one for every class.

    Raises   InputError if it can be told in none of these ways
    """
    if all(name.isdecimal() and int(name) < len(classes) for name in folders):
        return [int(name) for name in folders]
    ids = [match[0] if (match := WORDNET.match(name)) else "" for name in folders]
    if all(ids) and tuple(classes) == imagenet_classes():
        return wordnet_numbers(folders, ids, root)
    by_name = {write(name): i for write in (simplify, str) for i, name in enumerate(classes)}  # a Cardigan is a dog
    matches = {name: by_name.get(name, by_name.get(simplify(name))) for name in folders}
    numbers = [number for number in matches.values() if number is not None]
    if len(numbers) == len(folders):
        return numbers
    if len(folders) == len(classes):
        return list(range(len(classes)))
    strange = next(name for name, number in matches.items() if number is None)
    raise unknown_name(
        f"class of {root}", strange, classes, "Folders need the network's names, its numbers from 0, or all of them."
    )


def wordnet_numbers(folders: Sequence[str], ids: Sequence[str], root: Path) -> list[int]:
    """Which class of ImageNet each folder holds, by the WordNet id that its name begins with.

    Raises   InputError for an id that is none of the 1000
    """
    number = {name: i for i, name in enumerate(wordnet_ids())}
    strange = [folder for folder, name in zip(folders, ids, strict=True) if name not in number]
    if strange:
        raise InputError(
            f"{root} has {join_names(strange, _NAMED)}, of {count_of(len(folders), 'folder')}: no WordNet id of ImageNet's "
            f"{len(number)} classes; take them out"
        )
    return [number[name] for name in ids]


def simplify(name: str) -> str:
    """A name without what file systems and habits change: case, spaces, underscores, apostrophes."""
    return re.sub(r"[\W_]+", " ", name.replace("'", "")).strip().casefold()
